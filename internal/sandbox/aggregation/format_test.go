package aggregation_test

import (
	"testing"

	"countersign.dev/internal/sandbox/aggregation"
)

func TestNegotiate(t *testing.T) {
	const json, xml = aggregation.JSON, aggregation.XML
	list := func(values ...string) []string { return values }
	for _, tc := range []struct {
		name    string
		accept  []string
		content []string
		want    aggregation.Format
	}{
		{"1: Accept names JSON", list("application/json"), nil, json},
		{"1: in any case, with parameters", list("Application/JSON; charset=utf-8;q=0.1"), list("application/xml"), json},
		{"1: JSON before XML", list("application/xml, application/json;q=0.1"), nil, json},
		{"1: among others", list("application/json, text/plain, */*"), nil, json},
		{"1: in a second line", list("text/html", "application/json"), nil, json},
		{"2: Accept names XML", list("application/xml"), list("application/json"), xml},
		{"2: the text kind", list("text/xml"), list("application/json"), xml},
		{"2: a browser's own", list("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), list("application/json"), xml},
		{"3: absent", nil, list("application/json"), json},
		{"3: empty", list(""), list("application/json; charset=utf-8"), json},
		{"3: wildcard", list("*/*"), list("application/json"), json},
		{"3: half a wildcard", list("application/*"), list("APPLICATION/JSON"), json},
		{"3: Java's default", list("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"), list("application/json"), json},
		{"3: wildcard and XML", list("*/*"), list("application/xml"), xml},
		{"3: doubled Content-Type decides nothing", list("*/*"), list("application/json", "application/json"), xml},
		{"3: a weight of zero names nothing", list("application/json;q=0, */*"), list("application/xml"), xml},
		{"3: zero has several spellings", list("application/json;q=0.000"), nil, xml},
		{"3: a small weight is not zero", list("application/json;q=0.001"), nil, json},
		{"4: neither", nil, nil, xml},
		{"4: Java's default without a body", list("text/html, image/gif, image/jpeg, */*; q=0.2"), nil, xml},
		{"4: a form", list("*/*"), list("application/x-www-form-urlencoded"), xml},
		{"4: an odd type is never refused", list("text/plain"), list("application/json"), xml},
		{"4: no prefix of a name counts", list("application/jsonp"), nil, xml},
	} {
		if got := aggregation.Negotiate(tc.accept, tc.content); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("*/*", "application/json")
	f.Add(";;,,=", "application/json")
	f.Fuzz(func(t *testing.T, accept, content string) {
		if got := aggregation.Negotiate([]string{accept}, []string{content}); got != aggregation.JSON && got != aggregation.XML {
			t.Fatalf("got %v", got)
		}
	})
}
