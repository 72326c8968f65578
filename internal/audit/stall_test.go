package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
)

// stalling is a writer that comes back from its first write, and any later one, only once it is released: a disk that
// hangs, a terminal that was stopped.
type stalling struct {
	release chan struct{}
	mu      sync.Mutex
	out     bytes.Buffer
}

func newStalling() *stalling { return &stalling{release: make(chan struct{})} }

func (s *stalling) Write(b []byte) (int, error) {
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *stalling) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.out.String(), "\n"), "\n")
}

// newLines makes Lines in the caller's bubble of time.
func newLines(t *testing.T, out *stalling) *audit.Lines {
	t.Helper()
	l, err := audit.NewLines(out, make([]byte, 16), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestAHangingRecordHoldsNobodyUp: Record returns whatever the disk does; what found no room is counted, and told exactly
// where it is missing.
func TestAHangingRecordHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newStalling()
		l := newLines(t, disk)
		l.Record(&audit.Decision{Reason: "first"})
		synctest.Wait() // the disk has it, and hangs
		const total = 40_000
		path := strings.Repeat("p", 400)
		for range total {
			l.Record(&audit.Decision{Path: path})
		}
		lost := l.Lost()
		if lost == 0 || lost >= total {
			t.Fatalf("%d of %d lines are lost, want those beyond 4 MiB", lost, total)
		}
		close(disk.release)
		synctest.Wait()
		l.Record(&audit.Decision{Reason: "last"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		written := disk.lines()
		kept, gap := int(total-lost), fmt.Sprintf(`{"gap":true,"lost":%d}`, lost)
		if len(written) != 1+kept+2 || written[1+kept] != gap || !strings.Contains(written[1+kept+1], `"reason":"last"`) {
			t.Errorf("%d lines, at the gap %.80s, want %d lines with %s before the last", len(written), written[min(1+kept, len(written)-1)], 1+kept+2, gap)
		}
		if l.Lost() != lost {
			t.Errorf("lost %d, want %d", l.Lost(), lost)
		}
	})
}

// TestClosingDoesNotWaitForEver: a disk that hangs does not keep the program from ending, and what is given up is counted.
func TestClosingDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newStalling()
		l := newLines(t, disk)
		l.Record(&audit.Decision{})
		synctest.Wait()
		l.Record(&audit.Decision{})
		l.Record(&audit.Decision{})
		begun := time.Now()
		err := l.Close()
		if took := time.Since(begun); !errors.Is(err, audit.ErrUnwritten) || took < time.Second || took > 10*time.Second {
			t.Errorf("closed after %s with %v, want ErrUnwritten after a few seconds", took, err)
		}
		if !strings.Contains(err.Error(), "2 given up, 1 in a write") || l.Lost() != 2 {
			t.Errorf("%v; lost %d, want 2", err, l.Lost())
		}
		close(disk.release)
		synctest.Wait()
		if written := disk.lines(); len(written) != 2 || written[1] != `{"gap":true,"lost":2}` {
			t.Errorf("wrote %q, want the line that was under way, and the gap", written)
		}
	})
}

// TestAGapAtTheEndIsTold, also when no line comes after it.
func TestAGapAtTheEndIsTold(t *testing.T) {
	f := &failing{full: true, seen: make(chan struct{}, 16)}
	l, err := audit.NewLines(f, make([]byte, 16), quiet)
	if err != nil {
		t.Fatal(err)
	}
	l.Record(&audit.Decision{})
	<-f.seen
	f.mu.Lock()
	f.full = false
	f.mu.Unlock()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.out.String(); got != `{"gap":true,"lost":1}`+"\n" {
		t.Errorf("wrote %q, want the gap", got)
	}
}

// TestAnEchoWaitsForNobody: whole lines are dropped while the reader stalls, and their number is shown afterwards.
func TestAnEchoWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		terminal := newStalling()
		e := audit.NewEcho(terminal)
		line := []byte(strings.Repeat("x", 999) + "\n")
		const total = 3000
		for i := range total {
			if n, err := e.Write(line); n != len(line) || err != nil {
				t.Fatalf("took %d, %v", n, err)
			}
			if i == 0 {
				synctest.Wait() // the terminal has it, and stalls
			}
		}
		begun := time.Now()
		if err := e.Close(); err != nil || time.Since(begun) > 5*time.Second {
			t.Errorf("closed after %s with %v", time.Since(begun), err)
		}
		close(terminal.release)
		synctest.Wait()
		const room = 1 << 20 / 1000
		shown := terminal.lines()
		if want := fmt.Sprintf(`{"not_shown":%d}`, total-1-room); len(shown) != 1+room+1 || shown[1+room] != want {
			t.Fatalf("%d lines are shown, the last is %q, want %d and %s", len(shown), shown[len(shown)-1], 1+room+1, want)
		}
		for _, one := range shown[:1+room] {
			if one != string(line[:999]) {
				t.Fatalf("a torn line: %q", one)
			}
		}
	})
}

// TestAnEchoTakesWholeLines of what does not fit, goes on behind a line that never fits, and does not mind a reader that fails.
func TestAnEchoTakesWholeLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		terminal := newStalling()
		close(terminal.release)
		e := audit.NewEcho(terminal)
		for _, text := range []string{"a\nb\nhalf", strings.Repeat("x", 2<<20) + "\n", "c\n"} {
			_, _ = e.Write([]byte(text))
			synctest.Wait()
		}
		_ = e.Close()
		_, _ = e.Write([]byte("late\n"))
		if got := strings.Join(terminal.lines(), "|"); got != `a|b|{"not_shown":1}|c` {
			t.Errorf("shown %.80s", got)
		}
		full := audit.NewEcho(&failing{full: true, seen: make(chan struct{}, 16)})
		_, _ = full.Write([]byte("a\n"))
		if err := full.Close(); err != nil {
			t.Error(err)
		}
	})
}
