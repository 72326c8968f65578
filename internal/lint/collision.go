package lint

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"countersign.dev/scheme"
)

// Bounds of the search for two requests with one canonical input, for each example.
const (
	maxPairs = 6000
	maxShift = 12 // bytes that move from one part to its neighbour
	drawn    = 1500
)

// slot is a part of a request that can give bytes to another one, or take some.
type slot struct {
	name string
	get  func(r *scheme.Request) string
	set  func(r *scheme.Request, to string)
}

// slots are the parts of an example's request.
func slots(e *example) []slot {
	path := func(r *scheme.Request) (string, string, bool) { return strings.Cut(r.Target, "?") }
	out := []slot{
		{"method", func(r *scheme.Request) string { return r.Method }, func(r *scheme.Request, to string) { r.Method = to }},
		{"path", func(r *scheme.Request) string { p, _, _ := path(r); return p }, func(r *scheme.Request, to string) {
			_, q, has := path(r)
			if r.Target = to; has {
				r.Target += "?" + q
			}
		}},
		{"query", func(r *scheme.Request) string { _, q, _ := path(r); return q }, func(r *scheme.Request, to string) {
			p, _, _ := path(r)
			if r.Target = p; to != "" {
				r.Target += "?" + to
			}
		}},
		{"body", func(r *scheme.Request) string { return string(r.Body) }, func(r *scheme.Request, to string) { r.Body = []byte(to) }},
	}
	names := append(e.s.SignedHeaders(), e.s.Headers()...)
	for _, name := range names {
		if len(e.r.Header[name]) != 1 || len(out) > 12 {
			continue
		}
		out = append(out, slot{"header " + name, func(r *scheme.Request) string { return r.Header[name][0] }, func(r *scheme.Request, to string) { r.Header[name] = []string{to} }})
	}
	return out
}

// collide looks for a second request with the canonical input of the example: bytes moved over every boundary, with and without the
// texts that the profile puts between parts, values swapped, and a bounded number of random mixtures of these.
func (r *Report) collide(e *example, d *scheme.Definition) {
	if len(e.r.Body) > 64<<10 {
		return
	}
	x := &collider{r: r, e: e, d: d, seps: append(literals(d.Message, nil), "")}
	all := slots(e)
	for i := range all {
		for j := range all {
			if i != j {
				x.shift(&all[i], &all[j])
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range drawn {
		changed := e.clone()
		for range 1 + random.IntN(3) {
			from, to := &all[random.IntN(len(all))], &all[random.IntN(len(all))]
			n, k := random.IntN(maxShift), random.IntN(len(x.seps))
			x.move(&changed, from, to, n, x.seps[k], random.IntN(2) == 0)
		}
		x.try(&changed, "bytes moved between several parts")
	}
}

// collider is a search in progress.
type collider struct {
	r     *Report
	e     *example
	d     *scheme.Definition
	seps  []string
	tried int
}

// shift moves the last bytes of one part to the beginning of another, and the first to its end.
func (x *collider) shift(from, to *slot) {
	for n := 0; n <= maxShift; n++ {
		for _, sep := range x.seps {
			for _, tail := range []bool{true, false} {
				changed := x.e.clone()
				if x.move(&changed, from, to, n, sep, tail) {
					x.try(&changed, fmt.Sprintf("bytes moved from %s to %s", from.name, to.name))
				}
			}
		}
	}
	changed := x.e.clone()
	a, b := from.get(&changed), to.get(&changed)
	from.set(&changed, b)
	to.set(&changed, a)
	x.try(&changed, from.name+" and "+to.name+" exchanged")
}

// move takes n bytes from the end of one part (tail) to the front of the other, or from the front to the end, with a separator.
func (x *collider) move(r *scheme.Request, from, to *slot, n int, sep string, tail bool) bool {
	if from == to {
		return false
	}
	a, b := from.get(r), to.get(r)
	if n > len(a) {
		return false
	}
	if tail {
		rest, moved := a[:len(a)-n], a[len(a)-n:]
		from.set(r, strings.TrimSuffix(rest, sep))
		to.set(r, moved+sep+b)
	} else {
		moved, rest := a[:n], a[n:]
		from.set(r, strings.TrimPrefix(rest, sep))
		to.set(r, b+sep+moved)
	}
	return true
}

// try offers a request with the example's signature: that it is accepted means that it has the same signed bytes, and passes the checks.
func (x *collider) try(changed *scheme.Request, how string) {
	if x.tried >= maxPairs {
		return
	}
	x.tried++
	x.r.Pairs++
	var p scheme.Presented
	if x.e.s.Parse(changed, &p) != nil || x.e.s.Verify(&x.e.key, changed, &p, nil) != nil || x.sameCovered(changed, &p) {
		return
	}
	f := Finding{Error, "collision", "another request has the same signed bytes: " + how, "put a separator between the parts, or sign a digest of the body", x.e.id}
	if x.d.Ambiguous || x.d.Spelling {
		f.Severity, f.Hint = Warn, "the profile says \"ambiguous\", and this is what that lets through"
		f.Message = "another request has the same signed bytes"
	}
	x.r.add(f)
}

// sameCovered: the request differs in nothing that the profile claims to sign.
func (x *collider) sameCovered(r *scheme.Request, p *scheme.Presented) bool {
	e := x.e
	free := func(part string) bool {
		return slices.Contains(e.s.Uncovered(), part) || e.s.Webhook() && part != "body" && part != "time"
	}
	pathA, queryA, _ := strings.Cut(e.r.Target, "?")
	pathB, queryB, _ := strings.Cut(r.Target, "?")
	same := (free("method") || e.r.Method == r.Method) && (free("path") || pathA == pathB) && (free("query") || queryA == queryB) &&
		(free("body") || bytes.Equal(e.r.Body, r.Body)) && (free("time") || e.p.TimeText == p.TimeText) && e.p.Nonce == p.Nonce
	for _, name := range e.s.SignedHeaders() {
		same = same && slices.Equal(e.r.Header[name], r.Header[name])
	}
	return same || p.KeyID != e.p.KeyID // another key id selects another secret
}

// literals are the texts of a message: what could be smuggled into a part.
func literals(e scheme.Expr, out []string) []string {
	if e.Kind == scheme.Literal && e.Text != "" && len(e.Text) <= 16 && !slices.Contains(out, e.Text) && len(out) < 6 {
		out = append(out, e.Text)
	}
	for _, a := range e.Args {
		out = literals(a, out)
	}
	return out
}
