package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"countersign.dev/internal/audit"
)

// lines are the lines of ds, with the digest that is given for each query.
func lines(ds ...audit.Decision) string {
	var out []byte
	for i := range ds {
		form := audit.Form{}
		if ds[i].Query != "" {
			form.Digest = []byte("17466788c98e8b2e1f58eeb854299bd3")
		}
		out = append(ds[i].AppendOpen(out, form), '}', '\n')
	}
	return string(out)
}

func TestADecisionLineInFull(t *testing.T) {
	got := lines(audit.Decision{
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
	got := lines(audit.Decision{Method: "GET\n{\"forged\":true}", Path: "/\x00\x1b[31m\u2028é\xff\"\\<script>😀" + strings.Repeat("x", 100_000)})
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
	d := audit.Decision{Query: "card=4111111111111111"}
	if got := lines(d); strings.Contains(got, "4111") || !strings.Contains(got, `"query_digest":"1746`) {
		t.Errorf("the query is in the line, or its digest is not: %s", got)
	}
	if got := d.AppendOpen(nil, audit.Form{Plain: true}); !strings.Contains(string(got), `"query":"card=4111111111111111"`) {
		t.Errorf("an operator who switches queries on does not get them: %s", got)
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

func FuzzDecisionLine(f *testing.F) {
	f.Add("/a", "x")
	f.Add("\xff\xfe", "\u2028\U0010ffff")
	f.Fuzz(func(t *testing.T, path, cause string) {
		got := lines(audit.Decision{Path: path, Cause: cause})
		if strings.Count(got, "\n") != 1 || !json.Valid([]byte(got)) || !utf8.ValidString(got) {
			t.Errorf("not one line of JSON: %q", got)
		}
	})
}
