package secret_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/secret"
)

const goodPHC = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"

var badPHC = map[string]string{
	"empty":             "",
	"other algorithm":   "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"other version":     "$argon2id$v=16$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"no version":        "$argon2id$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"junk before":       "x" + goodPHC,
	"junk behind":       goodPHC + "$",
	"line end":          goodPHC + "\n",
	"memory bomb":       "$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"memory overflow":   "$argon2id$v=19$m=4294967360,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"one above bound":   "$argon2id$v=19$m=262145,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"time bomb":         "$argon2id$v=19$m=64,t=4294967295,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"no passes":         "$argon2id$v=19$m=64,t=0,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"threads wrap":      "$argon2id$v=19$m=64,t=1,p=257$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"no threads":        "$argon2id$v=19$m=64,t=1,p=0$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"memory < threads":  "$argon2id$v=19$m=15,t=1,p=2$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"negative":          "$argon2id$v=19$m=-64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"leading zero":      "$argon2id$v=19$m=064,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"plus sign":         "$argon2id$v=19$m=+64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"other order":       "$argon2id$v=19$t=1,m=64,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"one more number":   "$argon2id$v=19$m=64,t=1,p=1,k=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"short salt":        "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"short digest":      "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAA",
	"no digest":         "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$",
	"padded":            "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAA",
	"loose last base64": "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAB$AAAAAAAAAAAAAAAAAAAAAA",
	"line in base64":    "$argon2id$v=19$m=64,t=1,p=1$AAAA\nAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
	"endless":           "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$" + strings.Repeat("A", 1000),
}

func TestParsePHC(t *testing.T) {
	p, err := secret.ParsePHC(goodPHC)
	if err != nil || p.String() != goodPHC || p.Cost != cheap || len(p.Salt) != 8 || len(p.Digest) != 16 {
		t.Errorf("%+v, %v", p, err)
	}
	for name, text := range badPHC {
		if p, err := secret.ParsePHC(text); !errors.Is(err, secret.ErrHash) || p.Digest != nil {
			t.Errorf("%s: accepted as %+v, %v", name, p, err)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(goodPHC)
	for _, text := range badPHC {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := secret.ParsePHC(text)
		if err != nil {
			if !errors.Is(err, secret.ErrHash) {
				t.Errorf("error without its sentinel: %v", err)
			}
			return
		}
		if p.String() != text {
			t.Errorf("%q reads as %q", text, p.String())
		}
		if c := p.Cost; c.Memory > 1<<18 || c.Time > 16 || c.Threads > 8 || c.Time == 0 || c.Threads == 0 || c.Memory < 8*uint32(c.Threads) {
			t.Errorf("cost out of bounds: %+v", c)
		}
		if p.Cost.Memory <= 256 && p.Cost.Time == 1 { // never panics in the hash itself
			h := newHasher(t, secret.HasherConfig{Cost: cheap})
			if _, err := h.Verify(context.Background(), text, []byte("x")); err != nil {
				t.Error(err)
			}
		}
	})
}
