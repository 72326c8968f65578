package tokens_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/partner"
)

// whole is a body that is there already.
type whole string

func (w whole) ReadBody(int64) ([]byte, access.Reason) { return []byte(w), access.Allowed }

// newDecider serves one strict API and knows one app.
func newDecider(t *testing.T, b *bench) *access.Decider {
	t.Helper()
	api := &access.API{Name: "aggregation", Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/aggregation"},
		TokenEndpoint: "/aggregation/v2/partners/authentication", StrictXMLContentType: true}
	a, err := access.New(access.Config{APIs: []*access.API{api}, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	err = a.Load(&partner.Roster{
		Revision:    1,
		Partners:    []partner.Partner{{ID: "ptn_1", Name: "Acme"}},
		Reviews:     []partner.Review{{PartnerID: "ptn_1", Environment: "sandbox", State: partner.ReviewApproved}},
		Credentials: []partner.Credential{{ID: "crd_1", PartnerID: "ptn_1", Environment: "sandbox", Kind: partner.App, KeyID: requestID, Login: login}},
	}, b.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// An API that is strict about the Content-Type of XML is strict at its token endpoint too: the pipeline refuses, and
// neither the exchange nor the registry sees the secret.
func TestStrictContentType(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		reason            access.Reason
	}{
		{"", goodXML, access.UnsupportedMedia},
		{"text/plain", goodXML, access.UnsupportedMedia},
		{jsonType, goodXML, access.UnsupportedMedia},
		{"", "\xef\xbb\xbf \r\n\t" + goodXML, access.UnsupportedMedia},
		{xmlType, goodXML, access.Allowed},
		{"Text/XML;charset=utf-8", goodXML, access.Allowed},
		{"", goodJSON, access.Allowed},
		{jsonType, goodJSON, access.Allowed},
	} {
		b := newBench(t)
		decider := newDecider(t, b)
		exchange, err := tokens.New(tokens.Config{Registry: b.registry, Issuer: b.issuer, Now: b.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{access.AppKeyHeader: {requestID}}
		if c.contentType != "" {
			header["Content-Type"] = []string{c.contentType}
		}
		r := &access.Request{Environment: "sandbox", Method: "POST", Target: "/aggregation/v2/partners/authentication", Host: "a",
			Header: header, ContentLength: int64(len(c.body)), LengthStated: true, Body: whole(c.body), Address: netip.MustParseAddr("192.0.2.1")}
		d := new(access.Decision)
		if decider.Decide(r, d); d.Reason == access.Allowed {
			exchange.Serve(context.Background(), r.Method, header, []byte(c.body), d, nil)
		}
		if d.Reason != c.reason || (len(b.registry.calls) == 1) != (c.reason == access.Allowed) {
			t.Errorf("%q %.20q: %s (%v), %d calls", c.contentType, c.body, d.Reason, d.Cause, len(b.registry.calls))
		}
	}
}
