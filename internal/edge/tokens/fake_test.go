package tokens_test

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/registry"
)

const (
	login     = "2445581234567"
	oldSecret = "s3cret&<old>\u00e9"
	newSecret = "N3w-secret_&*"
	token     = "AbC-_.~+/09="
	requestID = "0123456789abcdef0123456789abcdef"
)

// fakeRegistry proves one login with one secret, or answers what it is told to.
type fakeRegistry struct {
	mu      sync.Mutex
	outcome registry.Outcome // 0: by login and secret
	err     error
	calls   []string // in the order of the calls, with all that was passed
	kept    [][]byte // what no registry may keep: to see that it is wiped
	during  func()   // runs while a secret is looked at; nil: nothing
}

func (f *fakeRegistry) Authenticate(_ context.Context, id, login string, presented []byte) (registry.Outcome, error) {
	return f.answer("authenticate "+id+" "+login+" "+string(presented), login, presented)
}

func (f *fakeRegistry) ChangeSecret(_ context.Context, id, login string, old, new []byte, immediate bool) (registry.Outcome, error) {
	line := "change " + id + " " + login + " " + string(old) + " " + string(new) + " grace"
	if immediate {
		line = line[:len(line)-len("grace")] + "now"
	}
	f.mu.Lock()
	f.kept = append(f.kept, new)
	f.mu.Unlock()
	return f.answer(line, login, old)
}

func (f *fakeRegistry) answer(line, presentedLogin string, presented []byte) (registry.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.during != nil {
		f.during()
	}
	f.calls = append(f.calls, line)
	f.kept = append(f.kept, presented)
	switch {
	case f.outcome != 0 || f.err != nil:
		return f.outcome, f.err
	case presentedLogin == login && string(presented) == oldSecret:
		return registry.Proved, nil
	}
	return registry.Wrong, nil
}

type fakeIssuer struct {
	token    string
	err      error
	admitted access.Reason
	issued   int
}

func (f *fakeIssuer) Issue(d *access.Decision, now time.Time) (string, error) {
	f.issued++
	return f.token, f.err
}

func (f *fakeIssuer) Admitted(*access.Decision) access.Reason { return f.admitted }

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// bench is an Exchange with its fakes and one decision as the pipeline leaves it.
type bench struct {
	registry *fakeRegistry
	issuer   *fakeIssuer
	clock    *clock
	exchange *tokens.Exchange
	d        *access.Decision
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{
		registry: &fakeRegistry{},
		issuer:   &fakeIssuer{token: token, admitted: access.Allowed},
		clock:    &clock{time.Unix(1763625600, 0)},
	}
	var err error
	b.exchange, err = tokens.New(tokens.Config{Registry: b.registry, Issuer: b.issuer, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	b.reset()
	return b
}

// reset gives the bench a fresh decision.
func (b *bench) reset() {
	b.d = &access.Decision{
		Reason: access.Allowed, RequestID: requestID,
		API:        &access.API{Name: "aggregation", Protocol: access.Token},
		Partner:    &access.Partner{ID: "ptn_1"},
		Credential: &access.Credential{ID: "crd_1", Login: login},
		Address:    netip.MustParseAddr("192.0.2.1"),
	}
}

// send makes one call with a fresh decision for the same address, Unproved flag and API.
func (b *bench) send(method, contentType, body string) problem.Answer {
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return b.sendHeader(method, header, body)
}

func (b *bench) sendHeader(method string, header http.Header, body string) problem.Answer {
	api, address, unproved := b.d.API, b.d.Address, b.d.Unproved
	b.reset()
	b.d.API, b.d.Address, b.d.Unproved = api, address, unproved
	return b.exchange.Serve(context.Background(), method, header, []byte(body), b.d, nil)
}

const (
	jsonType = "application/json"
	xmlType  = "application/xml"

	goodJSON = `{"partnerId":"` + login + `","partnerSecret":"` + oldSecret + `"}`
	badJSON  = `{"partnerId":"` + login + `","partnerSecret":"wrong"}`
	goodXML  = `<credentials><partnerId>` + login + `</partnerId><partnerSecret>s3cret&amp;&lt;old&gt;é</partnerSecret></credentials>`
	putJSON  = `{"partnerId":"` + login + `","partnerSecret":"` + oldSecret + `","newPartnerSecret":"` + newSecret + `"}`
	putXML   = `<credentials><partnerId>` + login + `</partnerId><partnerSecret>s3cret&amp;&lt;old&gt;é</partnerSecret><newPartnerSecret>N3w-secret_&amp;*</newPartnerSecret></credentials>`
)
