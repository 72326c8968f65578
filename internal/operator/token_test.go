package operator_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"countersign.dev/internal/operator"
)

const owner = "opr_abcdefghijklmnopqrstuvwxyz"

func mint(t *testing.T, prefix operator.Prefix) string {
	t.Helper()
	of := ""
	if prefix == operator.SessionToken || prefix == operator.TerminalToken || prefix == operator.MemberSessionToken {
		of = owner
	}
	text, err := operator.NewToken(rand.Reader, prefix, of)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var prefixes = []operator.Prefix{operator.ServiceToken, operator.TerminalToken, operator.SessionToken, operator.LinkToken, operator.BreakToken,
	operator.MemberSessionToken, operator.MemberLinkToken}

func TestRule11ATokenForOnePurposeNeverCountsForAnother(t *testing.T) {
	for _, made := range prefixes {
		text := mint(t, made)
		for _, read := range prefixes {
			of, err := operator.ParseToken(text, read)
			switch {
			case made != read && !errors.Is(err, operator.ErrInvalid):
				t.Errorf("%s reads as %s: %v", made, read, err)
			case made == read && err != nil:
				t.Errorf("%s: %v", made, err)
			case made == read && (of != "") != (of == owner):
				t.Errorf("%s: owner %q", made, of)
			}
			if err != nil && strings.Contains(err.Error(), text[5:]) {
				t.Error("the error holds the token")
			}
		}
	}
}

func TestTokensAreReadStrictly(t *testing.T) {
	text := mint(t, operator.ServiceToken)
	for at := range len(text) {
		changed := []byte(text)
		if changed[at]++; changed[at] == 0 {
			continue
		}
		if _, err := operator.ParseToken(string(changed), operator.ServiceToken); err == nil {
			t.Errorf("byte %d can be another one", at)
		}
	}
	for _, bad := range []string{"", "csat_", text + "x", text[:len(text)-1], " " + text, text + "\n", strings.ToUpper(text)} {
		if _, err := operator.ParseToken(bad, operator.ServiceToken); !errors.Is(err, operator.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := operator.ParseToken("xxxx_"+text[5:], "xxxx_"); err == nil {
		t.Error("an unknown prefix is read")
	}
}

func TestTokensAreNotMadeWithoutRandomnessOrOwner(t *testing.T) {
	if text, err := operator.NewToken(iotest.ErrReader(errors.New("dry")), operator.ServiceToken, ""); err == nil || text != "" {
		t.Error("a token without randomness")
	}
	for prefix, of := range map[operator.Prefix]string{operator.ServiceToken: owner, operator.SessionToken: "", operator.TerminalToken: "short", "none_": ""} {
		if text, err := operator.NewToken(rand.Reader, prefix, of); !errors.Is(err, operator.ErrInvalid) || text != "" {
			t.Errorf("%s for %q: %v", prefix, of, err)
		}
	}
	if a, b := mint(t, operator.LinkToken), mint(t, operator.LinkToken); a == b || operator.HashToken(a) == operator.HashToken(b) {
		t.Error("two tokens are equal")
	}
}

func FuzzParseToken(f *testing.F) {
	for _, prefix := range prefixes {
		of := ""
		if prefix == operator.SessionToken || prefix == operator.TerminalToken || prefix == operator.MemberSessionToken {
			of = owner
		}
		text, err := operator.NewToken(rand.Reader, prefix, of)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add("csat_")
	f.Fuzz(func(t *testing.T, text string) {
		read := 0
		for _, prefix := range prefixes {
			of, err := operator.ParseToken(text, prefix)
			if err != nil {
				if of != "" {
					t.Error("an owner beside an error")
				}
				continue
			}
			if read++; !strings.HasPrefix(text, string(prefix)) || strings.ContainsAny(text, " \n\r\x00") {
				t.Errorf("%q reads as %s", text, prefix)
			}
		}
		if read > 1 {
			t.Errorf("%q is %d kinds of token", text, read)
		}
	})
}
