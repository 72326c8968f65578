// Command growth draws how the cost of a request grows: it reads the lines that `go test -bench BenchmarkGrowth` prints, and the figures
// that the command peers writes with -figures, and writes one SVG for each axis. The pictures stand in docs/charts.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

// axes are what a chart may grow along, with the words below it and at its side.
var axes = map[string]struct{ title, below string }{
	"credentials": {"One decision, by the credentials that are known", "credentials, uniformly random keys"},
	"prefixes":    {"One decision, by the prefixes of the partner who calls", "prefixes of one partner"},
	"body":        {"One decision, by the bytes of the signed body", "bytes of the body"},
	"connections": {"A signed GET through the server, by the connections", "connections that send one request after another"},
}

func run(args []string, in io.Reader) error {
	f := flag.NewFlagSet("growth", flag.ContinueOnError)
	figures := f.String("figures", "", "file that peers wrote with -figures; its workloads connections-N are drawn")
	out := f.String("out", "", "folder for the pictures")
	if err := f.Parse(args); err != nil {
		return err
	}
	charts, err := benchmarks(in)
	if err == nil && *figures != "" {
		err = charts.connections(*figures)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for axis, lines := range charts {
		text := draw(axes[axis].title, axes[axis].below, lines)
		if err := os.WriteFile(filepath.Join(*out, "growth-"+axis+".svg"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// charts are the lines of each axis, by the name of what was measured.
type charts map[string]map[string][]point

// point is a number on the axis and a cost in microseconds.
type point struct{ x, y float64 }

func (c charts) add(axis, line string, p point) {
	if c[axis] == nil {
		c[axis] = map[string][]point{}
	}
	c[axis][line] = append(c[axis][line], p)
}

var benchLine = regexp.MustCompile(`^BenchmarkGrowth/([a-z]+)/(\d+)\S*\s.*?([\d.]+) ns/decision`)

// benchmarks reads the lines of BenchmarkGrowth; others are passed over.
func benchmarks(in io.Reader) (charts, error) {
	c := charts{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		m := benchLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		if _, known := axes[m[1]]; !known {
			return nil, fmt.Errorf("no chart has the axis %q", m[1])
		}
		x, _ := strconv.ParseFloat(m[2], 64)
		ns, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		c.add(m[1], "decision", point{x, ns / 1e3})
	}
	return c, lines.Err()
}

// connections adds the processor times of a request from a file of peers.
func (c charts) connections(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all []struct {
		Workload string  `json:"workload"`
		Peer     string  `json:"peer"`
		Cost     float64 `json:"cost_us"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, one := range all {
		number, ours := strings.CutPrefix(one.Workload, "connections-")
		n, err := strconv.Atoi(number)
		if ours && err == nil {
			c.add("connections", one.Peer, point{float64(n), one.Cost})
		}
	}
	for _, line := range c["connections"] {
		slices.SortFunc(line, func(a, b point) int { return int(a.x - b.x) })
	}
	return nil
}
