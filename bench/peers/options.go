//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// options are the flags.
type options struct {
	rounds   int
	duration time.Duration
	rate     int // 0: half of countersign's peak
	tick     time.Duration
	only     *regexp.Regexp
	peers    *regexp.Regexp
	write    string
	keep     bool
	standard bool
	figures  string
	idle     int
	binary   string // absolute; empty: it is built
	beside   string // absolute; empty: there is no second build
}

func parse(args []string) (o *options, err error) {
	o = new(options)
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.IntVar(&o.rounds, "rounds", 5, "each peer takes its turn so often in every workload")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "one turn; where latency is measured, at least "+shortestHalf.String())
	f.IntVar(&o.rate, "rate", 0, "requests a second at which latency is measured; 0: half of countersign's own peak, found in the same run")
	f.DurationVar(&o.tick, "tick", 100*time.Microsecond, "while latency is measured, look after connections so often; 0: whenever anything comes,"+
		" which takes the peers' processors")
	only := f.String("workloads", "", "only workloads whose name matches this expression")
	peers := f.String("peers", "", "only peers whose name matches this expression")
	f.StringVar(&o.write, "write", "", "file whose part between the marks is replaced by the tables; without it they are printed")
	f.BoolVar(&o.standard, "standard", false, "countersign serves HTTP/1 with net/http (standard: true)")
	f.StringVar(&o.figures, "figures", "", "file for the medians as JSON, for the command growth")
	f.IntVar(&o.idle, "idle", 0, "at the end, hold so many idle connections to each peer written in Go")
	f.StringVar(&o.binary, "binary", "", "a built countersign that is measured; without it, it is built from this tree")
	f.StringVar(&o.beside, "beside", "", "another built countersign, measured beside it as "+besideName+"; it must be able to read what the first one's dev has written")
	f.BoolVar(&o.keep, "keep", false, "leave the folder with configurations and logs")
	if err = f.Parse(args); err != nil {
		return nil, err
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return nil, fmt.Errorf("-workloads: %w", err)
	}
	if o.peers, err = regexp.Compile(*peers); err != nil {
		return nil, fmt.Errorf("-peers: %w", err)
	}
	if err = errors.Join(program("-binary", &o.binary), program("-beside", &o.beside)); err != nil {
		return nil, err
	}
	if o.rounds < 1 || o.rounds > 100 || o.duration < 100*time.Millisecond || o.duration > time.Minute ||
		o.rate < 0 || o.rate > 1_000_000 || o.tick < 0 || o.tick > 10*time.Millisecond {
		return nil, errors.New("1 to 100 rounds of 100ms to 1m, at most 1000000 requests a second, a tick of at most 10ms")
	}
	return o, nil
}

// program makes the path of a program absolute, because peers run in a folder of their own. An empty one stays.
func program(name string, path *string) (err error) {
	if *path == "" {
		return nil
	}
	if *path, err = filepath.Abs(*path); err == nil {
		_, err = os.Stat(*path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
