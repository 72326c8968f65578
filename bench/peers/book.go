//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
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

// text is the report as Markdown.
func (b *book) text() string {
	var w strings.Builder
	fmt.Fprintf(&w, "Measured %s on %s; %d rounds of %s each, in turns, after one that does not count.\n\n", time.Now().UTC().Format(time.DateOnly), b.machine, b.options.rounds, b.options.duration)
	w.WriteString("| peer | version | what it does with a request | resident at most |\n| --- | --- | --- | --- |\n")
	for _, p := range b.peers {
		peak := "–"
		if u, err := p.process.usage(); err == nil {
			peak = fmt.Sprintf("%d MiB", u.peak>>20)
		}
		fmt.Fprintf(&w, "| %s | %s | %s | %s |\n", p.name, version(p), p.does, peak)
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

// text is one workload as Markdown.
func (t *table) text() string {
	var w strings.Builder
	fmt.Fprintf(&w, "### %s\n\n`%s`, load average %s at the end.\n\n", t.workload.title, t.workload.name, t.load1)
	if t.workload.load.rate > 0 {
		t.latencies(&w)
		return w.String()
	}
	w.WriteString("| peer | processor time of a request, µs: median (least–most) | × " + yardstick + ": median (least–most) | requests a second |\n| --- | --- | --- | --- |\n")
	for _, p := range t.peers {
		cost, ratio, related := t.costs(p)
		relation := "–"
		if related {
			relation = fmt.Sprintf("%.2f (%.2f–%.2f)", ratio.median, ratio.least, ratio.most)
		}
		fmt.Fprintf(&w, "| %s | %.1f (%.1f–%.1f) | %s | %.0f |\n", p.name, cost.median, cost.least, cost.most, relation, t.throughput(p))
	}
	return w.String()
}

// figure is a median, as other programs read it.
type figure struct {
	Workload string  `json:"workload"`
	Peer     string  `json:"peer"`
	Cost     float64 `json:"cost_us"` // of the processor, for a request
	Ratio    float64 `json:"ratio"`   // to the yardstick
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
			cost, ratio, _ := t.costs(p)
			one := figure{t.workload.name, p.name, cost.median, ratio.median, 0}
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

func (t *table) throughput(p *peer) float64 {
	var all []float64
	for _, one := range t.turns[p] {
		all = append(all, float64(one.requests)/one.elapsed.Seconds())
	}
	return spreadOf(all).median
}

// latencies is the table of a workload with a rate: all rounds together.
func (t *table) latencies(w *strings.Builder) {
	w.WriteString("| peer | p50 | p99 | p99.9 | longest | processor time of a request, µs |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, p := range t.peers {
		var all []time.Duration
		for _, one := range t.turns[p] {
			all = append(all, one.latencies...)
		}
		slices.Sort(all)
		cost, _, _ := t.costs(p)
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %.1f |\n", p.name, ms(quantile(all, .5)), ms(quantile(all, .99)), ms(quantile(all, .999)), ms(quantile(all, 1)), cost.median)
	}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1e3) }

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
