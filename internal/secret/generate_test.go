package secret_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"countersign.dev/internal/secret"
)

type same byte

func (s same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

func text(v secret.Value, err error) (string, error) { return string(v.Bytes()), err }

var generators = map[string]struct {
	make func(io.Reader) (string, error)
	form string
}{
	"key id":         {secret.KeyID, `^[0-9a-f]{32}$`},
	"api secret":     {func(r io.Reader) (string, error) { return text(secret.APISecret(r)) }, `^[A-Za-z0-9_-]{43}$`},
	"partner secret": {func(r io.Reader) (string, error) { return text(secret.PartnerSecret(r)) }, `^[A-Za-z0-9]{32}$`},
	"login":          {secret.Login, `^[1-9][0-9]{12}$`},
	"row id":         {func(r io.Reader) (string, error) { return secret.RowID(r, "ptn_") }, `^ptn_[a-z2-7]{26}$`},
	"seal key":       {func(r io.Reader) (string, error) { return text(secret.SealKey(r)) }, `(?s)^.{32}$`},
}

func TestGeneratorsMakeWhatTheirDocumentationSays(t *testing.T) {
	for name, g := range generators {
		form := regexp.MustCompile(g.form)
		seen := map[string]bool{}
		for range 200 {
			got, err := g.make(rand.Reader)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if name != "seal key" && !form.MatchString(got) || len(got) == 0 {
				t.Fatalf("%s: %q does not fit %s", name, got, g.form)
			}
			if seen[got] {
				t.Fatalf("%s: %q came twice", name, got)
			}
			seen[got] = true
		}
	}
}

func TestPartnerSecretsFitThePolicy(t *testing.T) {
	for range 500 {
		v, err := secret.PartnerSecret(rand.Reader)
		if err != nil || secret.Policy(v.Bytes()) != nil {
			t.Fatalf("%q: %v", v.Bytes(), err)
		}
	}
}

func TestGeneratorsUseEveryCharacter(t *testing.T) {
	count := map[rune]int{}
	for range 1000 {
		v, err := secret.PartnerSecret(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range string(v.Bytes()) {
			count[c]++
		}
	}
	if len(count) != 62 {
		t.Errorf("%d of 62 characters occur", len(count))
	}
	for c, n := range count { // 516 expected, standard deviation 23: ten of them would be absurd
		if n < 286 || n > 746 {
			t.Errorf("%q occurs %d times", c, n)
		}
	}
}

func TestGeneratorsFailWithTheirSource(t *testing.T) {
	sources := map[string]func() io.Reader{
		"broken": func() io.Reader { return iotest.ErrReader(errors.New("no entropy")) },
		"short":  func() io.Reader { return strings.NewReader("abc") },
		"empty":  func() io.Reader { return bytes.NewReader(nil) },
	}
	for source, open := range sources {
		for name, g := range generators {
			if got, err := g.make(open()); !errors.Is(err, secret.ErrRandom) || got != "" {
				t.Errorf("%s from a %s source: %q, %v", name, source, got, err)
			}
		}
	}
	for _, stuck := range []same{0, 255} { // only letters A; only bytes beyond the alphabet
		if v, err := secret.PartnerSecret(stuck); !errors.Is(err, secret.ErrRandom) || !v.IsZero() {
			t.Errorf("a source stuck at %d made a secret: %v", stuck, err)
		}
	}
}

func TestPolicy(t *testing.T) {
	allow := func(s string) {
		t.Helper()
		if err := secret.Policy([]byte(s)); err != nil {
			t.Errorf("%q refused: %v", s, err)
		}
	}
	refuse := func(s string) {
		t.Helper()
		if err := secret.Policy([]byte(s)); !errors.Is(err, secret.ErrPolicy) {
			t.Errorf("%q allowed", s)
		}
	}
	allow("abcdefghijk1")
	allow("ABCDEFGHIJK1")
	allow("1!@#$%&*_-+a")
	allow("a1" + strings.Repeat("!", 253))
	refuse("")
	refuse("abcdefghij1")                   // 11
	refuse("a1" + strings.Repeat("x", 254)) // 256
	refuse("abcdefghijkl")                  // no digit
	refuse("123456789012")                  // no letter
	refuse("!@#$%&*_-+!@")                  // neither
	refuse("abcdefghijk1 ")                 // space
	refuse("abcdefghijk1^")                 // punctuation outside the list
	refuse("abcdefghijk1\x00")              // control
	refuse("abcdefghijk1é")                 // not ASCII
	refuse("abcdefghijk\u0661")             // a digit of another script
	refuse("abcdefghijk1\xff")              // not UTF-8
	for c := range 256 {
		s := "abcdefghijk1" + string([]byte{byte(c)})
		listed := strings.ContainsRune("!@#$%&*_-+", rune(c)) && c < 128
		if alnum := regexp.MustCompile(`^[A-Za-z0-9]$`).MatchString(string([]byte{byte(c)})); listed || alnum {
			allow(s)
		} else {
			refuse(s)
		}
	}
}
