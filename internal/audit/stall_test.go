package audit_test

import (
	"bytes"
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
