package strict_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
)

// TestRule24CarelessHandlerSmugglesNothing: handlers that ignore every mark, in
// the ways that net/http allows. The request after a marked one is never served.
func TestRule24CarelessHandlerSmugglesNothing(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"leaves the body": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
		},
		"reads the body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "ok")
		},
		"closes the body": func(_ http.ResponseWriter, r *http.Request) {
			_ = r.Body.Close()
		},
		"answers first": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(io.Discard, r.Body)
		},
		"full duplex": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_ = http.NewResponseController(w).Flush()
			_, _ = r.Body.Read(make([]byte, 3))
			_, _ = io.WriteString(w, "ok")
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var targets []string
			d := openDoor(t, func(_ *strict.Config, srv *http.Server) {
				srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					targets = append(targets, r.RequestURI)
					mu.Unlock()
					handle(w, r)
				})
			})
			for _, tc := range hostileCorpus() {
				if !tc.handled || tc.stays {
					continue
				}
				mu.Lock()
				targets = nil
				mu.Unlock()
				d.exchange(tc.raw + smuggled + smuggled)
				mu.Lock()
				if len(targets) != 1 || targets[0] == "/smuggled" {
					t.Errorf("%s: the handler saw %q", tc.name, targets)
				}
				mu.Unlock()
			}
		})
	}
}

// TestMutationsAgainstReference changes each byte of each short good message.
func TestMutationsAgainstReference(t *testing.T) {
	for _, tc := range goodCorpus() {
		if len(tc.raw) > 300 {
			continue
		}
		for i := range len(tc.raw) {
			before, at, after := tc.raw[:i], tc.raw[i:i+1], tc.raw[i+1:]
			for _, with := range []string{"", at + at, "\r", "\n", "\r\n", " ", "\t", ":", ",", "0", "+", "%", "\x00", "\x80"} {
				data := []byte(before + with + after + goodGet)
				compare(t, data, serve(t, pieces(data, i)))
			}
		}
	}
}

// everyByte runs a template with each of the 256 bytes in place of @.
func everyByte(t *testing.T, template string, want func(c byte) strict.Fault) {
	t.Helper()
	for c := range 256 {
		raw := strings.Replace(template, "@", string([]byte{byte(c)}), 1)
		got := serve(t, pieces([]byte(raw), 0))
		fault := strict.None
		if len(got.Refused) > 0 {
			fault = got.Refused[0]
		} else if len(got.Served) > 0 {
			fault = got.Served[0].End.Fault
		}
		if w := want(byte(c)); fault != w {
			t.Errorf("byte %#02x: %v, want %v", c, fault, w)
		}
		if fault != strict.None && !fault.Marked() && len(got.Served) != 0 {
			t.Errorf("byte %#02x: refused, and served", c)
		}
	}
}

const tokens = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// TestRule13EveryByteOfTheTarget: no control byte, space or non-ASCII byte
// passes; all that is visible is left to the gateway's own rules.
func TestRule13EveryByteOfTheTarget(t *testing.T) {
	for _, where := range []string{"/a@b", "/?a@b"} {
		everyByte(t, "GET "+where+" HTTP/1.1\r\n"+host+"\r\n", func(c byte) strict.Fault {
			switch {
			case c >= 0x80:
				return strict.NonASCIITarget
			case c == '%' && where[1] != '?':
				return strict.BadEscape
			case c == ' ', c == '\r', c == '\n':
				return strict.BadRequestLine
			case c < ' ', c == 0x7f:
				return strict.BadTarget
			}
			return strict.None
		})
	}
}

// TestRule24EveryByteOfANameAndAValue.
func TestRule24EveryByteOfANameAndAValue(t *testing.T) {
	everyByte(t, "GET / HTTP/1.1\r\n"+host+"X@Y: z\r\n\r\n", func(c byte) strict.Fault {
		switch {
		case c == ':' || strings.IndexByte(tokens, c) >= 0:
			return strict.None
		case c == ' ', c == '\t':
			return strict.HeaderSpace
		}
		return strict.BadHeaderName
	})
	everyByte(t, "GET / HTTP/1.1\r\n"+host+"X-A: y@Z: z\r\n\r\n", func(c byte) strict.Fault {
		switch {
		case c == '\n':
			return strict.BareLF
		case c == '\r':
			return strict.BareCR
		case c == '\t', c >= ' ' && c != 0x7f:
			return strict.None
		}
		return strict.BadHeaderValue
	})
}

// TestRule24EveryByteOfAChunk: in the size, after it, and after the data.
func TestRule24EveryByteOfAChunk(t *testing.T) {
	everyByte(t, chunked("@\r\n"), func(c byte) strict.Fault {
		if strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 {
			return strict.None
		}
		return strict.BadChunk
	})
	everyByte(t, chunked("1@\na\r\n0\r\n\r\n"), func(c byte) strict.Fault {
		switch c {
		case '\r':
			return strict.None
		case ';':
			return strict.ChunkExtension
		}
		return strict.BadChunk
	})
	everyByte(t, chunked("1\r\na@\n0\r\n\r\n"), func(c byte) strict.Fault {
		if c == '\r' {
			return strict.None
		}
		return strict.BadChunk
	})
}
