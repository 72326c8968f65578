package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
)

// Requests come from another process, over connections, as they do in service: each at a moment that was fixed before, whatever became
// of the one before it, and what counts is how long after that moment its answer was there.
const (
	millionCaller  = "COUNTERSIGN_MILLION_CALLER" // the address that the other process calls
	millionCallers = 8
	millionEvery   = 4 * time.Millisecond // of each
)

// millionWaits says how long requests waited for their answers.
type millionWaits struct {
	count                    int
	median, p99, p999, worst time.Duration
}

func (w millionWaits) String() string {
	return fmt.Sprintf("%d requests: p50 %v, p99 %v, p99.9 %v, longest %v", w.count, w.median, w.p99, w.p999, w.worst)
}

// TestMillionCaller is the other process; anywhere else it does nothing.
func TestMillionCaller(t *testing.T) {
	address := os.Getenv(millionCaller)
	if address == "" {
		return
	}
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	var each [millionCallers][]time.Duration
	var wg sync.WaitGroup
	start := time.Now().Add(20 * time.Millisecond)
	for i := range each {
		wg.Go(func() {
			each[i] = callOnTime(t, address, start.Add(millionEvery*time.Duration(i)/millionCallers), over)
		})
	}
	wg.Wait()
	all := slices.Concat(each[:]...)
	if slices.Sort(all); len(all) == 0 {
		t.Fatal("nothing was asked")
	}
	at := func(share float64) time.Duration { return all[int(share*float64(len(all)-1))] }
	fmt.Println("waited", len(all), int64(at(.5)), int64(at(.99)), int64(at(.999)), int64(at(1)))
}

func callOnTime(t *testing.T, address string, due time.Time, over chan struct{}) (took []time.Duration) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = conn.Close() }()
	timer := time.NewTimer(time.Until(due))
	for one := make([]byte, 1); ; due = due.Add(millionEvery) {
		timer.Reset(time.Until(due))
		select {
		case <-over:
			return took
		case <-timer.C:
		}
		if _, err = conn.Write(one); err == nil {
			_, err = io.ReadFull(conn, one)
		}
		if err != nil {
			t.Error(err)
			return took
		}
		took = append(took, time.Since(due))
	}
}

// underCalls runs work while requests are decided on, and says how long they waited.
func underCalls(b *testing.B, decider *access.Decider, keys []string, work func()) (w millionWaits) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for n := 0; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go decideFor(conn, decider, keys[n*len(keys)/millionCallers:])
		}
	}()
	caller := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestMillionCaller$")
	caller.Env = append(os.Environ(), millionCaller+"="+listener.Addr().String(), "GOMAXPROCS=1")
	var said strings.Builder
	caller.Stdout, caller.Stderr = &said, os.Stderr
	stop, err := caller.StdinPipe() // its end is the caller's, also where this process dies
	if err == nil {
		err = caller.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	work()
	_ = stop.Close()
	if err := caller.Wait(); err != nil {
		b.Fatal(err, said.String())
	}
	for line := range strings.Lines(said.String()) {
		if _, err := fmt.Sscan(strings.TrimPrefix(line, "waited "), &w.count, &w.median, &w.p99, &w.p999, &w.worst); err == nil {
			return w
		}
	}
	b.Fatal(said.String())
	return w
}

// decideFor decides on a request for each byte: one with a forged signature, of one key after another, which is refused when the
// signature has been judged.
func decideFor(conn net.Conn, decider *access.Decider, keys []string) {
	defer func() { _ = conn.Close() }()
	r := &access.Request{Environment: "sandbox", Method: "GET", Target: "/api/v1/cards/1", Host: "a", Address: netip.MustParseAddr("198.51.100.7"), LengthStated: true}
	d, one := new(access.Decision), make([]byte, 1)
	for n := 0; ; n++ {
		if _, err := io.ReadFull(conn, one); err != nil {
			return
		}
		r.Header = map[string][]string{"X-Auth-Token": {keys[n%len(keys)]}, "X-Auth-Signature": {strings.Repeat("0", 64)},
			"X-Auth-Timestamp": {strconv.FormatInt(time.Now().Unix(), 10)}}
		*d = access.Decision{}
		if decider.Decide(r, d); d.Reason != access.BadSignature {
			panic(d.Reason.String())
		}
		if _, err := conn.Write(one); err != nil {
			return
		}
	}
}
