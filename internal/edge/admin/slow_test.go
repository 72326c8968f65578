package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/admin"
)

// rotten is a record that panics while it is exported.
type rotten struct{ admin.Decisions }

func (rotten) Export(_ context.Context, w io.Writer, _ search.Query, _ search.Format) (search.Exported, error) {
	_, _ = io.WriteString(w, strings.Repeat("{}\n", 10_000))
	panic("a fault of ours")
}

// TestAnAnswerThatPanicsHalfwayIsCutOff: nobody takes a part of the record for all of it.
func TestAnAnswerThatPanicsHalfwayIsCutOff(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Decisions, c.Loopback = []admin.Decisions{rotten{}}, true })
	server := httptest.NewServer(w.server)
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+"/v1/decisions/export?format=jsonl", nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer auditor")
	answer, err := server.Client().Do(r)
	if err == nil {
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("the export ended with %v", err)
	}
	if !strings.Contains(w.log.String(), "a fault of ours") {
		t.Error("the cause is not in the log")
	}
}

// slow is a connection whose reader takes so long for each 64 KiB, by a clock of its own.
type slow struct {
	*httptest.ResponseRecorder
	clock    *clock
	takes    time.Duration
	deadline time.Time
}

func (s *slow) SetWriteDeadline(at time.Time) error { s.deadline = at; return nil }

func (s *slow) Write(b []byte) (int, error) {
	s.clock.pass(time.Duration(len(b)) * s.takes / (64 << 10))
	if s.deadline.IsZero() || s.clock.now().After(s.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	return s.ResponseRecorder.Write(b)
}

// laborious is a record in which a search takes minutes before it finds a lot.
type laborious struct {
	admin.Decisions
	clock *clock
}

func (l laborious) Export(_ context.Context, w io.Writer, _ search.Query, _ search.Format) (search.Exported, error) {
	l.clock.pass(20 * time.Minute)
	for range 100 {
		if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
			return search.Exported{}, err
		}
	}
	l.clock.pass(20 * time.Minute)
	return search.Exported{}, nil
}

// TestLongAnswersArriveAndSlowReadersAreCutOff: what takes long here is given its time, who takes long to read is not.
func TestLongAnswersArriveAndSlowReadersAreCutOff(t *testing.T) {
	for _, row := range []struct {
		takes time.Duration
		whole bool
	}{{time.Millisecond, true}, {2 * time.Second, true}, {10 * time.Second, false}, {time.Hour, false}} {
		wire := &clock{at: time.Now()}
		w := newWorld(t, func(c *admin.Config) { c.Decisions = []admin.Decisions{laborious{clock: wire}} })
		admin.SetWire(w.server, wire.now)
		r := httptest.NewRequest("GET", public+"/v1/decisions/export?format=jsonl", nil)
		r.Host = "admin.example.com"
		r.Header.Set("Authorization", "Bearer auditor")
		conn := &slow{httptest.NewRecorder(), wire, row.takes, time.Time{}}
		func() {
			defer func() {
				if fault := recover(); (fault == http.ErrAbortHandler) == row.whole {
					t.Errorf("%s for 64 KiB: ended with %v", row.takes, fault)
				}
			}()
			w.server.ServeHTTP(conn, r)
		}()
		if whole := conn.Body.Len() == 100*64<<10; whole != row.whole {
			t.Errorf("%s for 64 KiB: %d bytes arrived", row.takes, conn.Body.Len())
		}
		if row.whole && !conn.deadline.After(wire.now()) {
			t.Errorf("%s for 64 KiB: the end of the answer could not leave any more", row.takes)
		}
	}
}
