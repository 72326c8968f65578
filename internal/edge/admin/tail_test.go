package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
)

// tailWorld is a world over a record that grows, behind a real listener.
type tailWorld struct {
	*world
	record *recordtest.Record
	path   string
	http   *httptest.Server
	beat   chan time.Time
	look   chan time.Time
	still  error // of Still
}

func newTailWorld(t *testing.T) *tailWorld {
	t.Helper()
	dir := t.TempDir()
	w := &tailWorld{record: recordtest.New(t, dir), beat: make(chan time.Time), look: make(chan time.Time)}
	w.path = w.record.Write(0, false)
	w.world = newWorld(t, func(c *admin.Config) {
		tails, err := search.NewTails(search.TailsConfig{Dir: dir, Now: c.Now, Log: slog.New(slog.DiscardHandler), Buffer: 8})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); tails.Run(ctx, w.look) }()
		t.Cleanup(func() { cancel(); <-done })
		c.Tails = tails
		c.Log = slog.New(slog.DiscardHandler)
		c.Still = func(context.Context, operator.Principal) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.still
		}
	})
	admin.SetTick(w.server, func(time.Duration) (<-chan time.Time, func()) { return w.beat, func() {} })
	w.http = httptest.NewServer(w.server)
	t.Cleanup(w.http.Close)
	return w
}

// stream is an open tail.
type stream struct {
	w      *tailWorld
	answer *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

// tail opens one, which follows from now on when it returns.
func (w *tailWorld) tail(who, query string, headers ...string) *stream {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", w.http.URL+"/v1/decisions/tail"+query, nil)
	w.must(err)
	r.Host = "admin.example.com"
	r.Header.Set("Authorization", "Bearer "+who)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	w.Cleanup(func() { _ = answer.Body.Close() })
	s := &stream{w: w, answer: answer, lines: bufio.NewReader(answer.Body), cancel: cancel}
	if answer.StatusCode == http.StatusOK {
		s.event()
		w.looks()
	}
	return s
}

// looks has the reader of the record look.
func (w *tailWorld) looks() {
	w.look <- time.Time{}
	w.look <- time.Time{}
}

// write adds refused decisions and has them found. It returns the last seq.
func (w *tailWorld) write(n int, environment string) uint64 {
	for range n {
		d := audit.Decision{Time: w.clock.now(), RequestID: fmt.Sprintf("%032x", w.record.Seq), Environment: environment, API: "card", Reason: "bad_signature", Status: 401}
		recordtest.Append(w, w.path, w.record.Close(d.AppendOpen(nil, audit.Form{})))
	}
	w.looks()
	return w.record.Seq
}

// event is the next event, as its lines; empty: the stream has ended.
func (s *stream) event() string {
	var event strings.Builder
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return event.String()
		}
		if line == "\n" {
			return event.String()
		}
		event.WriteString(line)
	}
}

// seqs reads decisions.
func (s *stream) seqs(want ...uint64) {
	s.w.Helper()
	for _, seq := range want {
		event := s.event()
		var found api.DecisionFound
		_, data, _ := strings.Cut(event, "data: ")
		var line struct{ Seq uint64 }
		if !strings.HasPrefix(event, fmt.Sprintf("id: %d\nevent: decision\n", seq)) || json.Unmarshal([]byte(data), &found) != nil ||
			json.Unmarshal(found.Line, &line) != nil || line.Seq != seq {
			s.w.Fatalf("the event is %q, expected the decision %d", event, seq)
		}
	}
}

func (s *stream) says(want string) {
	s.w.Helper()
	if event := s.event(); event != want {
		s.w.Fatalf("the event is %q, expected %q", event, want)
	}
}

func TestTheTailSendsWhatIsWritten(t *testing.T) {
	w := newTailWorld(t)
	w.write(2, "sandbox")
	w.clock.pass(time.Second)
	s := w.tail("viewer", "?decision=refuse")
	if kind := s.answer.Header.Get("Content-Type"); kind != "text/event-stream" || s.answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", s.answer.Header)
	}
	a := w.write(1, "sandbox")
	s.seqs(a)
	w.beat <- time.Time{}
	s.says(": beat\n")
	b := w.write(2, "production")
	s.seqs(b-1, b)
}

func TestTheTailGoesOnWhereItWasCutOff(t *testing.T) {
	w := newTailWorld(t)
	a := w.write(4, "sandbox")
	w.clock.pass(time.Second)
	w.tail("viewer", "", "Last-Event-ID", fmt.Sprint(a-2)).seqs(a-1, a)
	w.tail("viewer", fmt.Sprintf("?after=%d", a-1)).seqs(a)
	w.tail("viewer", "?after=1", "Last-Event-ID", fmt.Sprint(a-1)).seqs(a)
	if s := w.tail("viewer", "", "Last-Event-ID", "9x"); s.answer.StatusCode != http.StatusBadRequest && s.answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a place that is none: %d", s.answer.StatusCode)
	}
}

// Whoever is confined to some environments hears of no other, whatever they ask for, and no count tells them of it.
func TestTheTailIsScopedPerLine(t *testing.T) {
	w := newTailWorld(t)
	w.mu.Lock()
	two := w.people["sandbox"]
	two.Environments = []string{"sandbox", "staging"}
	w.people["two"] = two
	w.mu.Unlock()
	s, asked := w.tail("two", ""), w.tail("sandbox", "?environment=production")
	w.write(30, "production")
	a := w.write(1, "staging")
	s.seqs(a)
	heard := make(chan struct{})
	go func() { // whichever stream takes a beat: until both have
		for {
			select {
			case w.beat <- time.Time{}:
			case <-heard:
				return
			}
		}
	}()
	s.says(": beat\n")
	asked.says(": beat\n")
	close(heard)
}

func TestTheTailNeedsThePermission(t *testing.T) {
	w := newTailWorld(t)
	for who, want := range map[string]int{"": 401, "stranger": 401, "nobody": 403} {
		if s := w.tail(who, ""); s.answer.StatusCode != want {
			t.Errorf("%q: %d, want %d", who, s.answer.StatusCode, want)
		}
	}
}

func TestTheTailEndsWithTheSession(t *testing.T) {
	w := newTailWorld(t)
	s := w.tail("viewer", "")
	w.mu.Lock()
	w.still = operator.ErrNotSignedIn
	w.mu.Unlock()
	w.beat <- time.Time{}
	s.says(": beat\n")
	s.says("event: end\ndata: {\"reason\":\"signed_out\"}\n")
	s.says("")
}

func TestTheTailEndsWhereItCannotAskAgain(t *testing.T) {
	w := newTailWorld(t)
	s := w.tail("viewer", "")
	w.mu.Lock()
	w.still = errors.New("the disk is gone")
	w.mu.Unlock()
	w.beat <- time.Time{}
	s.says(": beat\n")
	s.says("event: end\ndata: {\"reason\":\"unavailable\"}\n")
}

// Without Still it is Authenticate that is asked again, and whoever may less than before is cut off.
func TestTheTailEndsWhereRightsChange(t *testing.T) {
	w := newTailWorld(t)
	plain := newWorld(t, func(c *admin.Config) { c.Tails = idleTails(t, c.Now) })
	beat := make(chan time.Time)
	admin.SetTick(plain.server, func(time.Duration) (<-chan time.Time, func()) { return beat, func() {} })
	w.http.Config.Handler = plain.server
	s := &stream{}
	func() {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", w.http.URL+"/v1/decisions/tail", nil)
		r.Host = "admin.example.com"
		r.Header.Set("Authorization", "Bearer viewer")
		answer, err := http.DefaultClient.Do(r)
		w.must(err)
		t.Cleanup(func() { _ = answer.Body.Close() })
		s = &stream{w: w, answer: answer, lines: bufio.NewReader(answer.Body)}
	}()
	s.event()
	beat <- time.Time{}
	s.says(": beat\n")
	plain.mu.Lock()
	less := plain.people["viewer"]
	less.Environments = []string{"sandbox"}
	plain.people["viewer"] = less
	plain.mu.Unlock()
	beat <- time.Time{}
	s.says(": beat\n")
	s.says("event: end\ndata: {\"reason\":\"signed_out\"}\n")
}

// idleTails follow an empty record that nobody reads.
func idleTails(t testing.TB, now func() time.Time) admin.Tails {
	tails, err := search.NewTails(search.TailsConfig{Dir: t.TempDir(), Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return tails
}

func TestTheTailsAreBounded(t *testing.T) {
	w := newTailWorld(t)
	var mine []*stream
	for range admin.TailsEach {
		mine = append(mine, w.tail("viewer", ""))
	}
	if s := w.tail("viewer", ""); s.answer.StatusCode != http.StatusTooManyRequests || s.answer.Header.Get("Retry-After") == "" {
		t.Errorf("one more than a principal may have: %d", s.answer.StatusCode)
	}
	w.mu.Lock()
	for i := range admin.TailsAll {
		p := w.people["viewer"]
		p.ID = fmt.Sprintf("opr_%d", i)
		w.people[p.ID] = p
	}
	w.mu.Unlock()
	for i := range admin.TailsAll - admin.TailsEach {
		w.tail(fmt.Sprintf("opr_%d", i/admin.TailsEach), "")
	}
	if s := w.tail("auditor", ""); s.answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more than there may be: %d", s.answer.StatusCode)
	}
	w.send("viewer", "GET", "/v1/decisions", nil).want(200) // they hold no place of searches
	mine[0].cancel()
	_ = mine[0].answer.Body.Close()
	for { // the place is given back when the server has seen that its reader is gone
		if s := w.tail("auditor", ""); s.answer.StatusCode == http.StatusOK {
			break
		}
	}
}

func TestTheTailsEndAtOnceWhenTheServerEnds(t *testing.T) {
	w := newTailWorld(t)
	var all sync.WaitGroup
	for range 3 {
		s := w.tail("viewer", "")
		all.Go(func() {
			if event := s.event(); event != "event: end\ndata: {\"reason\":\"closing\"}\n" {
				t.Errorf("the last event is %q", event)
			}
			if more := s.event(); more != "" {
				t.Errorf("after the last event: %q", more)
			}
		})
	}
	w.server.EndTails()
	all.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.http.Config.Shutdown(ctx); err != nil {
		t.Errorf("the streams hold the end up: %v", err)
	}
}

func TestNoTailBeginsOnceTheServerEnds(t *testing.T) {
	w := newTailWorld(t)
	w.server.EndTails()
	w.server.EndTails() // twice is as once
	if s := w.tail("viewer", ""); s.answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %d", s.answer.StatusCode)
	}
}

// deadlines is a connection that says which deadlines it was given.
type deadlines struct {
	*httptest.ResponseRecorder
	read, written []time.Time
	flushed       int
	more          func() // runs after each flush
}

func (d *deadlines) SetReadDeadline(at time.Time) error { d.read = append(d.read, at); return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.written = append(d.written, at)
	return nil
}
func (d *deadlines) FlushError() error { d.flushed++; d.more(); return nil }

// The listener's own deadlines are for requests and pages: a stream has none for reading, and ten seconds for each of its events.
func TestTheTailOutlivesTheListenersDeadlines(t *testing.T) {
	w := newTailWorld(t)
	admin.SetWire(w.server, w.clock.now)
	ctx, cancel := context.WithCancel(t.Context())
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	d.more = func() {
		if d.flushed == 3 {
			cancel()
			return
		}
		w.clock.pass(time.Hour)
		go func() { w.beat <- time.Time{} }()
	}
	r := httptest.NewRequestWithContext(ctx, "GET", public+"/v1/decisions/tail", nil)
	r.Host = "admin.example.com"
	r.Header.Set("Authorization", "Bearer viewer")
	begun := w.clock.now()
	w.server.ServeHTTP(d, r)
	if len(d.read) != 1 || !d.read[0].IsZero() {
		t.Errorf("deadlines of reading: %v; want none", d.read)
	}
	for i, at := range d.written[:3] {
		if want := begun.Add(time.Duration(i)*time.Hour + 10*time.Second); !at.Equal(want) {
			t.Errorf("event %d had to be taken by %s, want %s", i, at, want)
		}
	}
}

func TestAReaderThatDoesNotReadIsCutOff(t *testing.T) {
	w := newTailWorld(t)
	admin.SetWire(w.server, func() time.Time { return time.Now().Add(-time.Hour) }) // every deadline has passed when it is set
	c, err := net.Dial("tcp", w.http.Listener.Addr().String())
	w.must(err)
	defer c.Close()
	_, err = fmt.Fprintf(c, "GET /v1/decisions/tail HTTP/1.1\r\nHost: admin.example.com\r\nAuthorization: Bearer viewer\r\n\r\n")
	w.must(err)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for b := make([]byte, 4096); err == nil; {
		_, err = c.Read(b)
	}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		t.Error("the connection was not ended")
	}
}
