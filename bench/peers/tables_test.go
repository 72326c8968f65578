//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheRatioThatCountsHasEverythingIn: what is done after a turn is in the judged figure, and not in the one of the turn.
func TestTheRatioThatCountsHasEverythingIn(t *testing.T) {
	ms := time.Millisecond
	one := func(round int, cpu, whole time.Duration) turn {
		return turn{outcome: outcome{requests: 1000, elapsed: time.Second, caller: 8 * ms}, round: round, cpu: cpu, whole: whole, packed: 2}
	}
	plain, ours := &peer{name: yardstick}, &peer{name: "countersign", data: "data"}
	tab := &table{workload: &workload{name: "get", title: "Get"}, peers: []*peer{plain, ours}, turns: map[*peer][]turn{
		plain: {one(1, 20*ms, 20*ms), one(2, 40*ms, 40*ms), one(3, 20*ms, 20*ms)},
		ours:  {one(1, 24*ms, 30*ms), one(3, 22*ms, 32*ms)}, // the second round is missing: the third is held against the third
	}}
	text := tab.text()
	for _, want := range []string{
		"| countersign | 32.0 (30.0–32.0) | 1.60 (1.50–1.60) | 24.0 | 1.20 | 1000 | 8.0 |",
		"| haproxy-hmac | 20.0 (20.0–40.0) | 1.00 (1.00–1.00) | 20.0 | 1.00 |",
		"countersign closed and compressed 4 segments",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
	tab.peers = append(tab.peers, &peer{name: gateway})
	tab.turns[tab.peers[2]] = []turn{one(1, 60*ms, 60*ms)}
	if text := tab.text(); !strings.Contains(text, "It took 0.50 (0.50–0.50) × of caddy") {
		t.Errorf("nothing of the gateway:\n%s", text)
	}
	tab.restless = 1
	tab.peers = append(tab.peers, &peer{name: besideName})
	tab.turns[tab.peers[3]] = []turn{one(3, 22*ms, 40*ms)}
	if text := tab.text(); !strings.Contains(text, "countersign-b took 1.250 (1.250–1.250) × of countersign") {
		t.Errorf("two builds are not held against each other:\n%s", text)
	}
	tab.turns[ours][0].left = 3
	if text := tab.text(); !strings.Contains(text, "**3 were not compressed") || !strings.Contains(text, "**1 times not everything was quiet") {
		t.Errorf("what is missing is not said:\n%s", text)
	}
}

// TestWhoCannotKeepUpHasNoLatency in the table; who fell behind once has, and it is said.
func TestWhoCannotKeepUpHasNoLatency(t *testing.T) {
	one := func(d time.Duration) turn {
		h := new(histogram)
		h.add(d)
		return turn{outcome: outcome{requests: 1, elapsed: time.Second, late: h, served: 20000}}
	}
	slow := turn{outcome: outcome{requests: 15000, elapsed: time.Second, fell: true}}
	never, once, always := &peer{name: "never"}, &peer{name: "once"}, &peer{name: "always"}
	tab := &table{workload: &workload{name: "latency", title: "Latency"}, rate: 20000, peak: 40000, peers: []*peer{never, once, always},
		turns:  map[*peer][]turn{once: {one(time.Millisecond)}, always: {one(time.Millisecond), one(2 * time.Millisecond)}},
		failed: map[*peer][]turn{never: {slow, slow}, once: {slow}}}
	text := tab.text()
	for _, want := range []string{
		"own peak was 40000", "half of that, 20000",
		"| never | **cannot**: its queue grew without end; it served 15000 |",
		"| once, which fell behind in one turn more", "| always | 20000 | 1.0", "| 1.00, 2.00 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
}

// TestFlags: what cannot be is refused with the flag's name, and programs are found from wherever peers run.
func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "countersign")
	if err := os.WriteFile(file, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(file))
	o, err := parse([]string{"-binary", "countersign", "-beside", "./countersign"})
	if err != nil || o.binary != file || o.beside != file {
		t.Errorf("%+v, %v", o, err)
	}
	for _, c := range []struct{ flag, value, want string }{
		{"-binary", "nothing", "-binary"},
		{"-beside", "nothing", "-beside"},
		{"-workloads", "(", "-workloads"},
		{"-peers", "(", "-peers"},
		{"-rounds", "0", "rounds"},
		{"-rate", "-1", "requests a second"},
		{"-tick", "1s", "tick"},
	} {
		if _, err := parse([]string{c.flag, c.value}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.flag, c.value, err)
		}
	}
}

// TestOnlyWhatStandsBetweenTheMarksIsReplaced in the document.
func TestOnlyWhatStandsBetweenTheMarksIsReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("before\n"+beginMark+"\n\nold\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceMarked(file, "new\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "before\n"+beginMark+"\n\nnew\n\n"+endMark+"\nafter\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.WriteFile(file, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceMarked(file, "new"); err == nil {
		t.Error("a page without marks was written")
	}
}
