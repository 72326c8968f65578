package access

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

// plainKeyID is parseKeyID as anybody would write it.
func plainKeyID(s string) (id keyID, ok bool) {
	if len(s) != 32 || strings.ToLower(s) != s {
		return id, false
	}
	raw, err := hex.DecodeString(s)
	copy(id[:], raw)
	return id, err == nil
}

func sameKeyID(t *testing.T, s string) {
	t.Helper()
	got, ok := parseKeyID(s)
	if want, fits := plainKeyID(s); ok != fits || ok && got != want {
		t.Fatalf("%q: %x %v, want %x %v", s, got, ok, want, fits)
	}
}

// A key id is 32 lower-case hex digits and nothing else, whichever byte stands wherever.
func TestKeyIDsHaveOneForm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var id keyID
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		text := hex.EncodeToString(id[:])
		sameKeyID(t, text)
		for b := range 256 {
			at := random.IntN(len(text))
			sameKeyID(t, text[:at]+string([]byte{byte(b)})+text[at+1:])
		}
	}
	for _, s := range []string{"", "0", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("F", 32), strings.Repeat("\xff", 32), strings.Repeat("g", 32)} {
		sameKeyID(t, s)
	}
}

func FuzzKeyID(f *testing.F) {
	f.Add(strings.Repeat("0123456789abcdef", 2))
	f.Add(strings.Repeat("/:`g@G\x7f\x80", 4))
	f.Fuzz(sameKeyID)
}
