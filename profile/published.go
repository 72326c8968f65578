package profile

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"countersign.dev/scheme"
)

// isSignature says whether the published text is the signature, in either case of hex or percent-encoded, or stands as it is in a value on the wire: some vendors
// print it encoded once more, or with what stands in front of it.
func (out *Result) isSignature(signature, want string) bool {
	if signature == want || sameHex(signature, want) {
		return true
	}
	if plain, err := url.PathUnescape(want); err == nil && plain == signature {
		return true
	}
	for _, f := range out.Fields {
		if len(want) >= 16 && strings.Contains(f.Value, want) {
			return true
		}
	}
	return false
}

func sameHex(a, b string) bool {
	return strings.Trim(a, "0123456789abcdefABCDEF") == "" && strings.EqualFold(a, b)
}

// hasWire says whether a value on the wire is the published text, with its name in front or not, or whether a verifier takes that text in its place: the items of a
// list may come in any order.
func (out *Result) hasWire(s *scheme.Scheme, key *scheme.Key, r *scheme.Request, want string) bool {
	for i, f := range out.Fields {
		if f.Value == want || strings.EqualFold(f.Name+": "+f.Value, want) && strings.HasSuffix(want, f.Value) || f.In == scheme.InQuery && sameParam(&f, want) {
			return true
		}
		if f.In != scheme.InHeader {
			continue
		}
		fields := append([]scheme.Field(nil), out.Fields...)
		fields[i].Value = want
		if accepted(s, key, r, fields) {
			return true
		}
	}
	return false
}

// sameParam says whether the text is name=value, percent-encoded or not.
func sameParam(f *scheme.Field, want string) bool {
	name, value, ok := strings.Cut(strings.TrimLeft(want, "&?"), "=")
	plain, err := url.PathUnescape(value)
	return ok && name == f.Name && (value == f.Value || err == nil && plain == f.Value)
}

func accepted(s *scheme.Scheme, key *scheme.Key, r *scheme.Request, fields []scheme.Field) bool {
	signed, err := scheme.Apply(r, fields)
	if err != nil {
		return false
	}
	var p scheme.Presented
	return s.Parse(&signed, &p) == nil && s.Verify(key, &signed, &p, nil) == nil
}

// nearest says which value is most like the published one, and from where on they differ. It shows neither: they hold a signature.
func (out *Result) nearest(want string) string {
	name, most := "", 0
	for _, f := range out.Fields {
		n := 0
		for n < len(f.Value) && n < len(want) && f.Value[n] == want[n] {
			n++
		}
		if n > most {
			name, most = f.Name, n
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(": %s differs from byte %d on", name, most)
}

// parts is the secret's further parts: as given in hexadecimal, or as a variable of that name.
func (v *Vector) parts(s *scheme.Scheme) map[string][]byte {
	out := map[string][]byte{}
	for name, part := range v.Parts {
		out[name] = part
	}
	for _, name := range s.Secrets() {
		if text := v.Vars[name]; out[name] == nil && text != "" {
			out[name] = []byte(text)
		}
	}
	return out
}

// missing adds to an error about a variable which ones the example gives: the page may call it otherwise.
func (v *Vector) missing(err error) error {
	var f *scheme.Fault
	if !errors.As(err, &f) || !strings.HasPrefix(f.Where, "v.") || len(v.Vars) == 0 {
		return err
	}
	return fmt.Errorf("%w (the example gives %s)", err, clip(strings.Join(slices.Sorted(maps.Keys(v.Vars)), ", ")))
}
