package otlp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/tracing/otlp"
	"github.com/google/go-cmp/cmp"
)

func TestAHeadersFileIsReadStrictly(t *testing.T) {
	got, err := otlp.ParseHeaders([]byte("authorization: Bearer hush\n\nX-Tenant:a b\r\n"))
	if diff := cmp.Diff(http.Header{"Authorization": {"Bearer hush"}, "X-Tenant": {"a b"}}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for what, text := range map[string]string{
		"no colon": "hush", "no name": ": hush", "a space in the name": "X Y: hush", "a space before the colon": "X : hush", "no value": "X:", "a control byte": "X: hu\x01sh",
		"not ASCII": "X: hüsh", "doubled": "X: hush\nx: hush", "framing": "Content-Length: 7", "the host": "host: hush", "folded": "X: hush\n more: hush",
		"too many": strings.Repeat("\n", 3) + many(17), "too long": "X: " + strings.Repeat("hush", 5000),
	} {
		if _, err := otlp.ParseHeaders([]byte(text)); !errors.Is(err, otlp.ErrHeaders) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func many(n int) string {
	text := ""
	for i := range n {
		text += "X-" + string(rune('a'+i)) + ": hush\n"
	}
	return text
}

// FuzzParseHeaders: what is taken can be sent, and frames nothing.
func FuzzParseHeaders(f *testing.F) {
	for _, seed := range []string{"A: b\n", "Authorization: Bearer x\r\nX-Y: z", "Host: x", "", ":", "a:\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		header, err := otlp.ParseHeaders(text)
		if (err == nil) != (header != nil) {
			t.Fatal(header, err)
		}
		for name, values := range header {
			if len(values) != 1 || strings.ContainsAny(name+values[0], "\r\n\x00") || http.CanonicalHeaderKey(name) != name || name == "Content-Length" || name == "Host" {
				t.Fatalf("%q: %q", name, values)
			}
		}
	})
}
