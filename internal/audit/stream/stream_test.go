package stream_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/stream"
)

// register is a record of changes.
type register struct{ rows []audit.Change }

func (r register) Changes(_ context.Context, after uint64, limit int) ([]audit.Change, error) {
	rows := r.rows[min(int(after), len(r.rows)):]
	return rows[:min(limit, len(rows))], nil
}

// world runs streams without waiting for real time: ticks come as fast as they are taken, and each look at the clock is a second.
type world struct {
	t        testing.TB
	dir      string
	position string
	clock    atomic.Int64
}

func newWorld(t testing.TB) *world {
	return &world{t: t, dir: t.TempDir(), position: filepath.Join(t.TempDir(), "position.json")}
}

func (w *world) run(sink stream.Sink, changes stream.ChangeReader) (s *stream.Streamer, stop func()) {
	w.t.Helper()
	tick := make(chan time.Time)
	now := make(chan time.Time)
	close(now)
	s, err := stream.New(stream.Config{Dir: w.dir, Changes: changes, Sink: sink, Position: w.position, Tick: tick,
		Now:   func() time.Time { return time.Unix(w.clock.Add(1), 0) },
		After: func(time.Duration) <-chan time.Time { return now },
		Log:   slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	go func() {
		for {
			select {
			case tick <- time.Time{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the stream ended with %v", err)
		}
	}
}

func (w *world) confirmed() (p struct{ Decisions, Changes uint64 }) {
	b, err := os.ReadFile(w.position)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestAReceiverThatDiesMissesNothing: its connections are reset in the middle, with bytes that it had and never read; the
// stream is stopped and started besides. Each line arrives at least once, as it stands in the record.
func TestAReceiverThatDiesMissesNothing(t *testing.T) {
	w := newWorld(t)
	r := recordtest.New(t, w.dir)
	r.Write(3000, true)
	last := r.Write(1000, false)
	changes := register{rows: []audit.Change{{Seq: 1, At: recordtest.Begin, Actor: "operator:müller", Action: audit.ReviewApproved, Subject: "ptn_a", Detail: "line \"two\""}}}
	certificate, pool := identity(t)
	server := listen(t, &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}, 0, 700, 1500, 1, 2600)
	syslog := func() stream.Sink {
		s, err := stream.NewSyslog(stream.SyslogConfig{Address: server.address, Host: "gate 1", Settle: 10 * time.Millisecond, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, stop := w.run(syslog(), changes)
	server.until(t, 2000)
	stop()
	s, stop := w.run(syslog(), changes)
	server.until(t, 4003)
	recordtest.Append(t, last, r.Decision())
	server.until(t, 4004)
	stop()
	if p := w.confirmed(); p.Decisions != r.Seq || p.Changes != 1 {
		t.Errorf("confirmed %+v of %d", p, r.Seq)
	}
	if c := s.Counters(); c.Failures+first.Counters().Failures == 0 || c.Missed != 0 || c.Decisions != r.Seq || c.Unanswered != 0 {
		t.Errorf("%+v", c)
	}
	if server.doubles == 0 {
		t.Error("nothing came twice: the connections did not break in the middle")
	}
	server.compare(t, w.dir)
}

var syslogForm = regexp.MustCompile(`^<1(08|09|10)>1 (-|[0-9T:.-]+Z) gate1 countersign - (decisions|changes) \[countersign@32473 record="(decisions|changes)" seq="([0-9]+)"\] (\{.*\})$`)

// compare holds the messages against the record: form, and every text.
func (r *receiver) compare(t testing.TB, dir string) {
	t.Helper()
	texts := map[string]string{}
	for _, m := range r.messages {
		f := syslogForm.FindStringSubmatch(m)
		if f == nil {
			t.Fatalf("not RFC 5424: %s", m)
		}
		if !json.Valid([]byte(f[6])) {
			t.Errorf("not JSON: %s", f[6])
		}
		texts[f[4]+f[5]] = f[6]
	}
	plain, err := os.ReadFile(filepath.Join(dir, "00000002.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(plain), "\n"), "\n") {
		if got := texts["decisions"+strconv.Itoa(3002+i)]; got != line {
			t.Fatalf("line %d arrived as %q", 3002+i, got)
		}
	}
	if got, want := texts["changes1"], `"actor":"operator:m\u00fcller","action":"review.approved","subject":"ptn_a","detail":"line \"two\"","hash":"00`; !strings.Contains(got, want) {
		t.Errorf("the change is %s", got)
	}
}

// TestAnotherRecordIsStreamedFromItsBegin, and a position file that is none stops the stream before it sends anything.
func TestPositions(t *testing.T) {
	w := newWorld(t)
	r := recordtest.New(t, w.dir)
	r.Write(5, false)
	server := listen(t, nil)
	plain := func() stream.Sink {
		s, err := stream.NewSyslog(stream.SyslogConfig{Address: server.address, Plain: true, Host: "gate1", Settle: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := os.WriteFile(w.position, []byte(fmt.Sprintf(`{"record":"%032x","decisions":4000,"changes":0}`, 6)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop := w.run(plain(), nil)
	server.until(t, 6)
	stop()
	if p := w.confirmed(); p.Decisions != 6 {
		t.Errorf("confirmed %+v", p)
	}
	for _, text := range []string{"", "{", "null0", `{"decisions":-1}`, `{"decisions":1}{}`, `{"other":1}`, strings.Repeat(" ", 5000)} {
		if err := os.WriteFile(w.position, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := stream.New(stream.Config{Dir: w.dir, Sink: plain(), Position: w.position, Tick: make(chan time.Time), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Errorf("%q is taken for a position", text)
		}
	}
}

// FuzzPosition: whatever stands in the file, it is a position or refused.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{`{"decisions":1,"changes":2}`, `{"record":"a","decisions":1,"changes":2}`, `{`, ``, `[]`, `{"decisions":1e3}`, `{"decisions":18446744073709551615}`} {
		f.Add([]byte(seed))
	}
	dir, path := f.TempDir(), filepath.Join(f.TempDir(), "position")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		sink, err := stream.NewFile(stream.FileConfig{Path: filepath.Join(dir, "out")})
		if err != nil {
			t.Fatal(err)
		}
		tick := make(chan time.Time)
		close(tick)
		s, err := stream.New(stream.Config{Dir: dir, Sink: sink, Position: path, Tick: tick, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err == nil && !json.Valid(b) {
			t.Errorf("%q was taken", b)
		}
	})
}

// TestARecordThatWasTakenBackIsStreamedAnew: behind the position of the former one, nobody would ever see what is new in it.
func TestARecordThatWasTakenBackIsStreamedAnew(t *testing.T) {
	for name, take := range map[string]func(w *world, text []byte) (lines int){
		"an older copy, which goes on": func(w *world, text []byte) int {
			half := strings.SplitAfterN(string(text), "\n", 6)
			w.put(strings.Join(half[:5], ""))
			return 5
		},
		"written anew, and longer": func(w *world, text []byte) int {
			r := recordtest.New(w.t, w.t.TempDir())
			r.Step *= 2
			other, err := os.ReadFile(r.Write(30, false))
			if err != nil {
				w.t.Fatal(err)
			}
			w.put(string(other))
			return 31
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := recordtest.New(t, w.dir).Write(20, false)
			row := audit.Change{At: recordtest.Begin, Actor: "operator:a", Action: audit.PartnerCreated, Subject: "ptn_a"}
			rows := make([]audit.Change, 4)
			for i := range rows {
				rows[i] = row
				rows[i].Seq, rows[i].Hash = uint64(i+1), [32]byte{1, byte(i)}
			}
			out := filepath.Join(t.TempDir(), "out")
			sent := func(rows []audit.Change, want int) {
				t.Helper()
				sink, err := stream.NewFile(stream.FileConfig{Path: out})
				if err != nil {
					t.Fatal(err)
				}
				s, stop := w.run(sink, register{rows: rows})
				for deadline := time.Now().Add(20 * time.Second); !(s.Counters().CaughtUp && s.Counters().Sent >= uint64(want)) && time.Now().Before(deadline); {
					runtime.Gosched()
				}
				if c := s.Counters(); want == 0 && (c.Decisions != 21 || c.Changes != 4) {
					t.Errorf("with nothing to send, %d and %d are confirmed", c.Decisions, c.Changes)
				}
				stop()
				if got := s.Counters().Sent; got != uint64(want) {
					t.Errorf("%d messages were sent, want %d", got, want)
				}
			}
			sent(rows, 21+4)
			sent(rows, 0)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := take(w, text)
			rows = rows[:2]
			sent(rows, lines+2)
			rows[1].Hash = [32]byte{9}
			sent(rows, 2)
		})
	}
}

// put replaces the first segment.
func (w *world) put(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "00000001.jsonl"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}
