package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tracing"
	"countersign.dev/profile"
	"github.com/google/go-cmp/cmp"
)

const (
	callersTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	oursInIt     = "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01"
	oursAlone    = "00-02020202020202020202020202020202-0101010101010101-01"
)

// tracer gives every request the same ids, and tells what it is told.
type tracer struct{ done chan told }

type told struct {
	place    tracing.Place
	decision audit.Decision
}

func newTracer() *tracer { return &tracer{done: make(chan told, 1000)} }

func (t *tracer) Place(header http.Header) tracing.Place {
	p, ok := tracing.Read(header)
	if !ok {
		p.Trace = [16]byte([]byte(strings.Repeat("\x02", 16)))
	}
	p.Span, p.Sampled = [8]byte([]byte(strings.Repeat("\x01", 8))), true
	return p
}

func (t *tracer) Done(p tracing.Place, d *audit.Decision) { t.done <- told{p, *d} }

// next waits for what is told of the next request.
func (t *tracer) next(tb testing.TB) (tracing.Place, audit.Decision) {
	tb.Helper()
	select {
	case one := <-t.done:
		return one.place, one.decision
	case <-time.After(patience):
		tb.Fatal("no span was made")
	}
	return tracing.Place{}, audit.Decision{}
}

func traced(t *tracer) func(*settings) {
	return func(s *settings) { s.gateway.Trace = t }
}

// traceOf are the trace headers among the fields that an upstream got.
func traceOf(fields []string) (all []string) {
	for _, f := range fields {
		if strings.HasPrefix(strings.ToLower(f), "trace") {
			all = append(all, f)
		}
	}
	slices.Sort(all)
	return all
}

// TestUpstreamsGetTheirParent: what a caller says of its trace goes on with this hop between, or as it came where nothing is traced.
func TestUpstreamsGetTheirParent(t *testing.T) {
	w := newWorld(t)
	off, on := w.open(t), w.open(t, traced(newTracer()))
	for _, c := range []struct {
		what    string
		fields  []string
		off, on []string
	}{
		{"nothing", nil, nil, []string{"Traceparent: " + oursAlone}},
		{"a trace", []string{"traceparent: " + callersTrace, "tracestate: a=b"},
			[]string{"Traceparent: " + callersTrace, "Tracestate: a=b"}, []string{"Traceparent: " + oursInIt, "Tracestate: a=b"}},
		{"a malformed one", []string{"traceparent: hush", "tracestate: a=b"},
			[]string{"Traceparent: hush", "Tracestate: a=b"}, []string{"Traceparent: " + oursAlone}},
		{"two", []string{"traceparent: " + callersTrace, "Traceparent: " + callersTrace},
			[]string{"Traceparent: " + callersTrace, "Traceparent: " + callersTrace}, []string{"Traceparent: " + oursAlone}},
	} {
		t.Run(c.what, func(t *testing.T) {
			for d, want := range map[*door][]string{off: c.off, on: c.on} {
				d := d.in(t)
				if got := d.do(d.signed(w.keys["good"], "GET", "/api/v1/cards", "", c.fields...)); got.status != 200 {
					t.Fatalf("status %d", got.status)
				}
				if diff := cmp.Diff(want, traceOf(d.upstream.next().fields)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestEveryRequestHasASpan: forwarded, exchanged, refused; in the caller's trace once it has proved who it is, and not before.
func TestEveryRequestHasASpan(t *testing.T) {
	w, tr := newWorld(t), newTracer()
	d := w.open(t, traced(tr))
	forged := w.keys["good"]
	forged.Secret = w.keys["canada"].Secret
	trace := "traceparent: " + callersTrace
	for _, c := range []struct {
		what   string
		call   call
		reason string
		theirs bool
	}{
		{"forwarded", d.signed(w.keys["good"], "GET", "/api/v1/cards", "", trace), "allowed", true},
		{"exchanged", authentication(w.apps["good"], string(w.apps["good"].Secret.Bytes())).with(trace), "allowed", true},
		{"proved and refused", d.signed(w.keys["canada"], "GET", "/api/v1/cards", "", trace), "", true},
		{"forged", d.signed(forged, "GET", "/api/v1/cards", "", trace), "bad_signature", false},
		{"nothing to prove it by", call{method: "GET", target: "/api/v1/cards", fields: []string{trace}}, "", false},
		{"ambiguous", call{method: "GET", target: "/api/v1/../x", fields: []string{trace}}, "", false},
	} {
		got := d.do(c.call)
		if got.status == 200 && c.what == "forwarded" {
			d.upstream.next()
		}
		place, decision := tr.next(t)
		if decision.Status != got.status || c.reason != "" && decision.Reason != c.reason {
			t.Errorf("%s: status %d, reason %s, the answer was %d", c.what, decision.Status, decision.Reason, got.status)
		}
		if theirs := place.Parent != [8]byte{}; theirs != c.theirs || !c.theirs && place.IsValid() {
			t.Errorf("%s: the place is %+v", c.what, place)
		}
	}
}

// TestASignedTraceparentGoesOnUntouched: where the profile signs it, the upstream may check that itself.
func TestASignedTraceparentGoesOnUntouched(t *testing.T) {
	p, err := profile.Parse("test.yaml", []byte(strings.Replace(strings.Replace(stronger, "hex(sha256(body)))", "hex(sha256(body)), h.traceparent)", 1), "profile: stronger", "profile: traced", 1)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	d := w.open(t, traced(newTracer()), func(set *settings) {
		set.api = func(a *access.API) {
			if a.Protocol == access.Signed {
				a.Scheme = s
			}
		}
	})
	if got := d.do(d.tracedCall(w.keys["good"], callersTrace)); got.status != 200 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if diff := cmp.Diff([]string{"Traceparent: " + callersTrace}, traceOf(d.upstream.next().fields)); diff != "" {
		t.Error(diff)
	}
}

func (d *door) tracedCall(key registry.Issued, trace string) call {
	ts, sum := fmt.Sprint(d.clock.Load()), sha256.Sum256(nil)
	mac := hmac.New(sha256.New, key.Secret.Bytes())
	mac.Write([]byte(strings.Join([]string{ts, "GET", "/api/v1/cards", hex.EncodeToString(sum[:]), trace}, "\n")))
	return call{method: "GET", target: "/api/v1/cards", fields: []string{"traceparent: " + trace, "X-New-Token: " + key.KeyID, "X-New-Time: " + ts,
		"X-New-Signature: " + hex.EncodeToString(mac.Sum(nil))}}
}

// TestATracedRequestAllocatesLittle: three more than one that is not traced, for the header that goes on and the list of what is signed.
func TestATracedRequestAllocatesLittle(t *testing.T) {
	const most = 7 + 3
	d := newWorld(t).open(t, func(s *settings) {
		s.gateway.Record, s.gateway.Trace = nowhere{}, nowhere{}
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = fakeDoer{do: instantly}
			}
		}
	})
	r := d.inHand(d.signed(d.keys["good"], "GET", "/api/v1/cards/1?a=b", "", "Accept: application/json", "traceparent: "+callersTrace))
	w := &sink{header: http.Header{}}
	allocs := testing.AllocsPerRun(500, func() {
		clear(w.header)
		d.gateway.ServeHTTP(w, r)
	})
	if w.status != http.StatusOK || allocs > most+raceAllocations {
		t.Errorf("status %d, %v allocations for a request, want at most %d", w.status, allocs, most)
	}
}

// Place implements gateway.Tracer.
func (nowhere) Place(header http.Header) tracing.Place {
	p, _ := tracing.Read(header)
	p.Span = p.Parent
	return p
}

// Done implements gateway.Tracer.
func (nowhere) Done(tracing.Place, *audit.Decision) {}
