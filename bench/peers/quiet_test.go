//go:build linux

package main

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// fakeProcess uses so much of a processor at each moment of a clock that only pauses move.
type fakeProcess func(at time.Duration) (share float64)

// watch is the rule before such processes. Their time is counted in small steps, so that a wait sees what fell between.
func watch(all ...fakeProcess) *quiet {
	const grain = 10 * time.Millisecond
	start := time.Unix(1e9, 0)
	var now time.Duration
	used := make([]time.Duration, len(all))
	return &quiet{
		now:  func() time.Time { return start.Add(now) },
		used: func() ([]time.Duration, error) { return append([]time.Duration(nil), used...), nil },
		pause: func(ctx context.Context, d time.Duration) error {
			for range d / grain {
				for i, p := range all {
					used[i] += time.Duration(p(now) * float64(grain))
				}
				now += grain
			}
			return ctx.Err()
		},
	}
}

func resting(time.Duration) float64 { return 0.008 }

// busyUntil works now and then until an end, for a tenth of a second every so often; then it rests.
func busyUntil(end, every time.Duration) fakeProcess {
	return func(at time.Duration) float64 {
		if at < end && at%every < 100*time.Millisecond {
			return 1
		}
		return resting(at)
	}
}

// TestQuietIsWhatItIsAtRest: the wait goes on until the last work is over, however long the pauses before it, and all of it is counted.
func TestQuietIsWhatItIsAtRest(t *testing.T) {
	for _, c := range []struct {
		name       string
		process    fakeProcess
		last       time.Duration // when its last work ends
		most       time.Duration // after which it must have been found quiet
		work, idle float64
	}{
		{"at rest", resting, 0, 6500 * time.Millisecond, 0, 0.008},
		{"nothing at all", func(time.Duration) float64 { return 0 }, 0, 6500 * time.Millisecond, 0, 0},
		{"work at once", busyUntil(3*time.Second, time.Second), 2100 * time.Millisecond, 10 * time.Second, 0.3, 0.008},
		{"work every five seconds, twice", busyUntil(6*time.Second, 5*time.Second), 5100 * time.Millisecond, 13 * time.Second, 0.2, 0.008},
		{"one long piece", func(at time.Duration) float64 {
			if at < 9*time.Second {
				return 0.9
			}
			return 0.01
		}, 9 * time.Second, 16 * time.Second, 8.1, 0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := watch(resting, c.process).wait(t.Context())
			if err != nil || !r.calm {
				t.Fatalf("calm %v, %v", r.calm, err)
			}
			if r.took < c.last+quietWindow*quietStep/2 || r.took > c.most {
				t.Errorf("it took %s; the last work ended at %s", r.took, c.last)
			}
			if math.Abs(r.idle[1]-c.idle) > 0.001 || math.Abs(r.idle[0]-0.008) > 0.001 {
				t.Errorf("at rest it is said to take %v", r.idle)
			}
			if got := r.used[1].Seconds() - r.idle[1]*r.took.Seconds(); math.Abs(got-c.work) > 0.02+0.01*c.work {
				t.Errorf("%.3f s of work were counted, not %.3f", got, c.work)
			}
		})
	}
}

// TestSteadyWorkIsNoRest: what never ends is not taken for rest, and the wait ends all the same.
func TestSteadyWorkIsNoRest(t *testing.T) {
	r, err := watch(func(time.Duration) float64 { return 0.1 }).wait(t.Context())
	if err != nil || r.calm || r.took < quietBound || r.took > quietBound+2*quietStep {
		t.Errorf("calm %v after %s, %v", r.calm, r.took, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := watch(resting).wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	q := watch(resting)
	q.used = func() ([]time.Duration, error) { return nil, os.ErrNotExist }
	if _, err := q.wait(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a process that is gone: %v", err)
	}
}

// TestWorkIsNotSubtractedAsRest where a wait ended without rest.
func TestWorkIsNotSubtractedAsRest(t *testing.T) {
	at := func(calm bool, idle float64) rest { return rest{calm: calm, idle: []float64{idle}} }
	for _, c := range []struct {
		before, after rest
		want          float64
	}{
		{at(true, 0.25), at(true, 0.75), 0.5},
		{at(true, 0.25), at(false, 0.75), 0.25},
		{at(false, 0.75), at(true, 0.25), 0.25},
	} {
		if got := between(c.before, c.after, 0); got != c.want {
			t.Errorf("%v, not %v", got, c.want)
		}
	}
}

// TestUsageIsThatOfTheGroup: of a real process and its child, not of others.
func TestUsageIsThatOfTheGroup(t *testing.T) {
	cmd := exec.Command("sh", "-c", "cat & exec cat") // both wait for ever
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	p := &process{cmd: cmd}
	u, err := p.usage()
	if err != nil || u.cpu <= 0 || u.resident <= 0 || u.peak < u.resident || u.mapped > u.resident {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := (&process{cmd: &exec.Cmd{Process: &os.Process{Pid: 1 << 30}}}).usage(); err == nil {
		t.Error("a process that is not there was found")
	}
}
