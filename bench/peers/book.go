//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// book is the whole report.
type book struct {
	options *options
	machine string
	missing []string
	peers   []*peer
	tables  []*table
	idle    string // the table of idle connections; empty: none were held
}

// preface says how the tables were made.
const preface = `Measured %s on %s; %d rounds of %s each, in turns, after one that does not count.

**Which figure counts.** Countersign does a part of its work after the answer: it counts, indexes and compresses its record. So what keeps a record takes its turn
last in each round, and then everything waits until every peer's processes are quiet: until for %s (longer than the longest interval after which countersign looks
for such work, 5 s) each used less than %.1f %% of a processor, and in the second half as much as in the first. *In the turn* is processor time of the turn alone;
***with all afterwards*** is all of it from the begin of the turn until quiet, less what the process takes at rest (of the windows before and after), over the
same requests. **The ratio of the second is what the goals are held against.** The record's segments are of %s here, not 256 MiB, so that each turn closes and
compresses its own. What threads of the kernel write to disk is counted for nobody.
*Resident* is what the processes hold at the end of a turn, and in brackets how much of it are pages of files. *Caller* is the processor time of whoever sent the
requests, for a request: wrk or h2load where a request can be sent again and again, a simple caller where each has a new connection, else one thread of this
program, which signs each request freshly%s. Each turn begins with the handshakes of its connections.

`

// text is the report as Markdown.
func (b *book) text() string {
	var w strings.Builder
	fmt.Fprintf(&w, preface, time.Now().UTC().Format(time.DateOnly), b.machine, b.options.rounds, b.options.duration,
		quietWindow*quietStep, 100*quietShare, segmentSize, b.ticks())
	w.WriteString("| peer | version | what it does with a request | takes at rest, of a processor | resident at most, ever |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range b.peers {
		peak := "–"
		if u, err := p.process.usage(); err == nil {
			peak = fmt.Sprintf("%d MiB", u.peak>>20)
		}
		fmt.Fprintf(&w, "| %s | %s | %s | %.2f %% | %s |\n", p.name, version(p), p.does, 100*p.idle, peak)
	}
	if len(b.missing) > 0 {
		fmt.Fprintf(&w, "\nNot on this machine and left out: %s.\n", strings.Join(b.missing, ", "))
	}
	for _, t := range b.tables {
		w.WriteString("\n" + t.text())
	}
	if b.idle != "" {
		w.WriteString("\n" + b.idle)
	}
	return w.String()
}

// ticks says how latency is measured.
func (b *book) ticks() string {
	if b.options.tick == 0 {
		return ""
	}
	return fmt.Sprintf("; where latency is measured it looks after its connections every %s, so that up to so much is in each latency", b.options.tick)
}

// figure is a median, as other programs read it.
type figure struct {
	Workload string  `json:"workload"`
	Peer     string  `json:"peer"`
	Cost     float64 `json:"cost_us"` // of the processor, for a request, with everything done afterwards
	Ratio    float64 `json:"ratio"`   // of it to the yardstick's
	InTurn   float64 `json:"turn_us"` // of the turn alone
	Requests int64   `json:"requests"`
}

// writeFigures writes all of them; an empty path: nowhere.
func (b *book) writeFigures(path string) error {
	if path == "" {
		return nil
	}
	var all []figure
	for _, t := range b.tables {
		for _, p := range t.peers {
			cost, ratio, _ := t.costs(p, turn.wholePerRequest)
			inTurn, _, _ := t.costs(p, turn.perRequest)
			one := figure{Workload: t.workload.name, Peer: p.name, Cost: cost.median, Ratio: ratio.median, InTurn: inTurn.median}
			for _, turn := range t.turns[p] {
				one.Requests += turn.requests
			}
			all = append(all, one)
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// version is what a peer says of itself.
func version(p *peer) string {
	var cmd *exec.Cmd
	switch p.program {
	case "nginx", "haproxy":
		cmd = exec.Command(p.program, "-v")
	case "caddy":
		cmd = exec.Command("caddy", "version")
	default:
		return runtime.Version()
	}
	out, _ := cmd.CombinedOutput()
	if found := regexp.MustCompile(`\d+\.\d+\.\d+`).Find(out); found != nil {
		return string(found)
	}
	return "?"
}

// describe says what machine this is.
func describe() string {
	model := "an unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
		model = strings.TrimSpace(string(found[1]))
	}
	return fmt.Sprintf("%d processors of %s, everything on loopback: caller, proxy and backend share them", runtime.NumCPU(), model)
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
