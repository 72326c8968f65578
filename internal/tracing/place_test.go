package tracing_test

import (
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/tracing"
	"github.com/google/go-cmp/cmp"
)

const (
	example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" // W3C Trace Context §3.2.2.5
	zeros   = "00000000000000000000000000000000"
)

// TestATraceparentIsParsedStrictly: W3C Trace Context §3.2.2 and §4.3, row by row.
func TestATraceparentIsParsedStrictly(t *testing.T) {
	for text, taken := range map[string]bool{
		example:                                true,
		strings.TrimSuffix(example, "1") + "0": true,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff":          true, // unknown flags are ignored
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":          true, // a later version, as short
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-not": true, // and longer
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what":     false,
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":          false, // no version
		example + "-what":        false, // version 00 ends there
		example + " ":            false,
		" " + example:            false,
		strings.ToUpper(example): false,
		strings.Replace(example, "4bf9", "4bF9", 1):                 false,
		strings.Replace(example, "4bf9", "4bg9", 1):                 false,
		strings.Replace(example, "-00f0", "_00f0", 1):               false,
		"00-" + zeros + "-00f067aa0ba902b7-01":                      false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-" + zeros[:16] + "-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0":    false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x":   false,
		"":   false,
		"00": false,
	} {
		p, ok := tracing.Parse(text)
		if ok != taken {
			t.Errorf("%q: taken %v, want %v", text, ok, taken)
		}
		if !ok && p != (tracing.Place{}) {
			t.Errorf("%q was not taken, and left %v", text, p)
		}
	}
}

func TestTwoTraceparentsAreNone(t *testing.T) {
	if _, ok := tracing.Read(http.Header{tracing.Header: {example, example}}); ok {
		t.Error("two were taken")
	}
	if _, ok := tracing.Read(http.Header{}); ok {
		t.Error("none was taken")
	}
	if p, ok := tracing.Read(http.Header{tracing.Header: {example}}); !ok || !p.Sampled {
		t.Errorf("one was not taken: %v", p)
	}
}

// TestThisHopIsTheNextOnesParent: what goes on is in the caller's trace, and names our span.
func TestThisHopIsTheNextOnesParent(t *testing.T) {
	p, _ := tracing.Parse(example)
	p.Span, p.Sampled = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, false
	child, ours := "00-4bf92f3577b34da6a3ce929d0e0e4736-0102030405060708-00", tracing.Place{Trace: p.Trace, Span: p.Span, Sampled: true}
	for _, c := range []struct {
		what  string
		place tracing.Place
		want  http.Header
	}{
		{"in the caller's trace", p, http.Header{"Traceparent": {child}, "Tracestate": {"a=b"}}},
		{"in one of our own", ours, http.Header{"Traceparent": {strings.TrimSuffix(child, "0") + "1"}}},
		{"nowhere", tracing.Place{}, http.Header{}},
	} {
		out := http.Header{"Traceparent": {example}, "Tracestate": {"a=b"}}
		c.place.Put(out)
		if diff := cmp.Diff(c.want, out); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}

// FuzzParse: whatever is taken of version 00 is written as it came, and nothing else is taken.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{example, "cc" + example[2:] + "-x", "", zeros, strings.ToUpper(example)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := tracing.Parse(text)
		if !ok {
			return
		}
		if p.Trace == [16]byte{} || p.Parent == [8]byte{} || p.IsValid() {
			t.Fatalf("%q became %v", text, p)
		}
		p.Span = p.Parent
		if again := p.String(); again[3:52] != text[3:52] {
			t.Fatalf("%q became %q", text, again)
		}
	})
}
