package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"countersign.dev/internal/audit"
)

var quiet = slog.New(slog.DiscardHandler)

// lines records ds and returns what was written.
func lines(t testing.TB, ds ...audit.Decision) string {
	t.Helper()
	var out bytes.Buffer
	l, err := audit.NewLines(&out, []byte("0123456789abcdef"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ds {
		l.Record(&ds[i])
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestADecisionLineInFull(t *testing.T) {
	got := lines(t, audit.Decision{
		Time: time.Date(2026, 11, 20, 9, 41, 0, 123456789, time.UTC), RequestID: "0a", Environment: "sandbox", API: "card", Reason: "address_not_listed", Where: "X",
		Status: 403, Method: "GET", Path: "/api/v1/cards", Query: "a=1", Protocol: "HTTP/2.0", Partner: "ptn_1", Credential: "crd_1", Version: 2, Proved: true,
		Address: netip.MustParseAddr("2001:db8::1"), Peer: netip.MustParseAddr("192.0.2.1"), Country: "CA", Derivation: "peer", Other: "production", Skew: -3 * time.Second,
		Warnings: []string{"header_name", "x"}, Cause: "broken", Duration: 1500 * time.Microsecond, BytesIn: 3, BytesOut: 4,
	})
	want := `{"time":"2026-11-20T09:41:00.123456Z","request_id":"0a","environment":"sandbox","api":"card","decision":"refuse","reason":"address_not_listed","where":"X","status":403,` +
		`"method":"GET","path":"/api/v1/cards","query_digest":"17466788c98e8b2e1f58eeb854299bd3","protocol":"HTTP/2.0","partner":"ptn_1","credential":"crd_1","version":2,"proved":true,` +
		`"address":"2001:db8::1","peer":"192.0.2.1","country":"CA","derivation":"peer","other_environment":"production","skew_s":-3,"warnings":["header_name","x"],"cause":"broken",` +
		`"duration_us":1500,"bytes_in":3,"bytes_out":4}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestRule34LinesAreEscapedAndCapped(t *testing.T) {
	got := lines(t, audit.Decision{Method: "GET\n{\"forged\":true}", Path: "/\x00\x1b[31m\u2028é\xff\"\\<script>😀" + strings.Repeat("x", 100_000)})
	if strings.Count(got, "\n") != 1 || len(got) > 4096 {
		t.Fatalf("%d line feeds in %d bytes", strings.Count(got, "\n"), len(got))
	}
	for _, c := range []byte(got[:len(got)-1]) {
		if c < ' ' || c > '~' {
			t.Fatalf("byte %#x in the line", c)
		}
	}
	var back struct{ Method, Path string }
	if err := json.Unmarshal([]byte(got), &back); err != nil {
		t.Fatal(err)
	}
	if back.Method != "GET\n{\"forged\":true}" || !strings.HasPrefix(back.Path, "/\x00\x1b[31m\u2028é\ufffd\"\\<script>😀") || !strings.HasSuffix(back.Path, "[cut]") {
		t.Errorf("read back %q %q", back.Method, back.Path[:40])
	}
}

func TestRule33AQueryIsKeptAsADigestOnly(t *testing.T) {
	got := lines(t, audit.Decision{Query: "card=4111111111111111"}, audit.Decision{Query: "card=4111111111111111"}, audit.Decision{Query: "card=4111111111111112"})
	if strings.Contains(got, "4111") {
		t.Fatal("the query is in the line")
	}
	var digests []string
	for line := range strings.Lines(got) {
		var d struct {
			Digest string `json:"query_digest"`
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil || len(d.Digest) != 32 {
			t.Fatalf("%s: %v", line, err)
		}
		digests = append(digests, d.Digest)
	}
	if digests[0] != digests[1] || digests[0] == digests[2] {
		t.Errorf("digests %v: equal queries and only they have equal ones", digests)
	}
}

// failing is a writer whose disk is full for a while.
type failing struct {
	mu   sync.Mutex
	full bool
	room int // bytes that fit before the disk is full
	out  bytes.Buffer
	seen chan struct{}
}

func (f *failing) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.seen <- struct{}{} }()
	if f.full {
		n, _ := f.out.Write(b[:min(f.room, len(b))])
		f.room -= n
		return n, errors.New("no space left")
	}
	return f.out.Write(b)
}

func TestAGapIsCountedAndTold(t *testing.T) {
	f := &failing{full: true, room: 50, seen: make(chan struct{}, 16)}
	l, err := audit.NewLines(f, make([]byte, 16), quiet)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.Record(&audit.Decision{Reason: "lost"})
		<-f.seen
	}
	f.mu.Lock()
	f.full = false
	f.mu.Unlock()
	l.Record(&audit.Decision{Reason: "kept"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	written := strings.Split(f.out.String(), "\n")
	if len(written) != 4 || len(written[0]) != 50 || written[1] != `{"gap":true,"lost":3}` || !strings.Contains(written[2], `"reason":"kept"`) {
		t.Errorf("wrote %q, want the torn line, the gap of three and then the line", written)
	}
	if l.Lost() != 3 {
		t.Errorf("lost %d, want 3", l.Lost())
	}
	l.Record(&audit.Decision{})
	if l.Lost() != 4 {
		t.Error("a line after Close is not counted as lost")
	}
}

func TestLinesOfManyGoroutinesStayWhole(t *testing.T) {
	var out bytes.Buffer
	l, err := audit.NewLines(&out, make([]byte, 16), quiet)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 100 {
				l.Record(&audit.Decision{Path: strings.Repeat("p", 300)})
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("a torn line: %.80s", line)
		}
		count++
	}
	if count != 5000 {
		t.Errorf("%d lines, want 5000", count)
	}
}

func FuzzDecisionLine(f *testing.F) {
	f.Add("/a", "x")
	f.Add("\xff\xfe", "\u2028\U0010ffff")
	f.Fuzz(func(t *testing.T, path, cause string) {
		got := lines(t, audit.Decision{Path: path, Cause: cause})
		if strings.Count(got, "\n") != 1 || !json.Valid([]byte(got)) || !utf8.ValidString(got) {
			t.Errorf("not one line of JSON: %q", got)
		}
	})
}

var _ io.Writer = (*failing)(nil)
