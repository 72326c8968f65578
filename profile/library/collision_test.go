package library_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// candidate is what the four parts of a request are said to be.
type candidate struct{ ts, method, target, body string }

func (c candidate) request() scheme.Request {
	return scheme.Request{Method: c.method, Target: c.target, Body: []byte(c.body), Header: map[string][]string{
		"X-Auth-Token": {"token-1"}, "X-Auth-Timestamp": {c.ts}, "X-Auth-Signature": {strings.Repeat("0", 64)}}}
}

// canonical is the canonical input of c, or nil when the scheme takes no such request.
func (c candidate) canonical(s *scheme.Scheme) []byte {
	r := c.request()
	var p scheme.Presented
	if s.Parse(&r, &p) != nil {
		return nil
	}
	text, err := s.Canonical(&r, &p)
	if err != nil {
		return nil
	}
	return text
}

// covered is what the scheme claims to sign of c.
func (c candidate) covered(s *scheme.Scheme) string {
	out := ""
	path, query, has := strings.Cut(c.target, "?")
	for part, value := range map[string]string{"method": c.method, "path": path, "query": fmt.Sprint(has, query), "body": c.body, "time": c.ts} {
		if !slices.Contains(s.Uncovered(), part) {
			out += fmt.Sprintf("%s=%q\n", part, value)
		}
	}
	lines := strings.Split(out, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// search cuts the canonical input of one request at every triple of places, in every way that could make it that of another one, and returns such a twin.
func search(s *scheme.Scheme, sep string, from candidate) (twin candidate, found bool) {
	text := from.canonical(s)
	if text == nil {
		return candidate{}, false
	}
	whole := string(text)
	try := func(c candidate) bool {
		if !found && c != from && bytes.Equal(c.canonical(s), text) && c.covered(s) != from.covered(s) {
			twin, found = c, true
		}
		return found
	}
	for _, i := range []int{9, 10, 11} { // a time of another length is refused, which the first and the last of them show
		if i > len(whole) {
			continue
		}
		for j := i; j <= len(whole); j++ {
			for k := j; k <= len(whole); k++ {
				c := candidate{whole[:i], strings.TrimPrefix(whole[i:j], sep), strings.TrimPrefix(whole[j:k], sep), strings.TrimPrefix(whole[k:], sep)}
				if try(c) {
					return twin, true
				}
				c.body = from.body // where the body is hashed, only its neighbours can give way
				if c.target = strings.TrimSuffix(c.target, sep); try(c) {
					return twin, true
				}
			}
		}
	}
	return twin, found
}

// nearMiss draws requests made of bytes that neighbours could steal from each other.
func nearMiss(t *rapid.T) candidate {
	text := func(label, alphabet string, most int) string {
		return rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 0, most, -1).Draw(t, label)
	}
	return candidate{
		ts:     "176362560" + rapid.SampledFrom([]string{"0", "1"}).Draw(t, "ts"),
		method: "A" + text("method", "AB", 2),
		target: "/" + text("target", "/?A1.=", 6),
		body:   rapid.SampledFrom([]string{"", "{", "[", "\n", "A", "/", "|{"}).Draw(t, "first") + text("body", "/?A1.|=\n[{ ", 5),
	}
}

// TestRule3NoTwoRequestsShareACanonicalInput moves bytes between target, body, method and time, for finci and each of its alternatives.
func TestRule3NoTwoRequestsShareACanonicalInput(t *testing.T) {
	seps := map[string]string{"": "", "lf": "\n", "body-hash": "", "path-without-query": "", "body-only": "", "time-path": "", "dot": ".", "pipe": "|"}
	p, err := library.Profile("finci")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(p.Names(), "") {
		sep, known := seps[name]
		if !known {
			t.Fatalf("no separator known for %q", name)
		}
		s, err := p.Alternative(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("finci/"+name, func(t *testing.T) {
			taken := 0
			rapid.Check(t, func(rt *rapid.T) {
				from := nearMiss(rt)
				if from.canonical(s) != nil {
					taken++
				}
				if twin, found := search(s, sep, from); found {
					rt.Fatalf("%+v and %+v share %q", from, twin, from.canonical(s))
				}
			})
			if taken < 20 {
				t.Errorf("only %d requests were fit to be searched", taken)
			}
		})
	}
}

// TestRule3SearchFindsTheKnownCollision shows that the search can fail: in a message that is accepted as ambiguous, and so without the guard, a body moves into
// the target (spec: Signed requests).
func TestRule3SearchFindsTheKnownCollision(t *testing.T) {
	text, err := library.FS.ReadFile("finci.yaml")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "alternatives:")
	unsafe := strings.Replace(head, "method + target", "method + lower(target)", 1) + "ambiguous: accept\n"
	p, err := profile.Parse("unsafe.yaml", []byte(unsafe))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	from, twin := candidate{"1763625600", "POST", "/x?x=", "[1]"}, candidate{"1763625600", "POST", "/x?x=[1]", ""}
	if _, found := search(s, "", from); !found {
		t.Error("no collision found where the specification knows one")
	}
	plain, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	if from.canonical(plain) == nil || twin.canonical(plain) != nil {
		t.Error("finci takes both of the requests that would share a canonical input")
	}
}
