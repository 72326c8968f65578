package problem_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/edge/problem"
)

func TestNegotiate(t *testing.T) {
	const java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	list := func(values ...string) []string { return values }
	for _, c := range []struct {
		name                string
		accept, contentType []string
		want                problem.Format
	}{
		{"nothing", nil, nil, problem.XML},
		{"accept json", list("application/json"), list("application/xml"), problem.JSON},
		{"accept json by another case", list("Application/JSON"), nil, problem.JSON},
		{"accept json with parameters", list("application/json; charset=utf-8;q=0.1"), nil, problem.JSON},
		{"accept json among others", list("application/xml, text/plain;q=0.9, application/json;q=0.1"), nil, problem.JSON},
		{"accept json in the second line", list("text/xml", "application/json"), nil, problem.JSON},
		{"accept xml", list("application/xml"), list("application/json"), problem.XML},
		{"accept text xml", list("text/xml"), list("application/json"), problem.XML},
		{"accept refuses json", list("application/json;q=0"), nil, problem.XML},
		{"accept refuses json at length", list("application/json; Q=0.000, text/xml"), list("application/json"), problem.XML},
		{"accept refuses json, with a dot", list("application/json;q=0."), nil, problem.XML},
		{"accept refuses xml", list("application/xml;q=0"), list("application/json"), problem.JSON},
		{"a weight that is no zero", list("application/json;q=0.001"), nil, problem.JSON},
		{"a weight that is none", list("application/json;q=none"), nil, problem.JSON},
		{"a zero that is no weight", list("application/json;v=0"), nil, problem.JSON},
		{"a quoted zero", list(`application/json;x="q;q=0";q=1`), nil, problem.JSON},
		{"a quoted comma", list(`text/plain;x="a,application/json,b"`), list("application/json"), problem.XML},
		{"java asks for xml", list(java), list("application/xml"), problem.XML},
		{"java asks for json", list(java), list("application/json"), problem.JSON},
		{"java asks for nothing", list(java), nil, problem.XML},
		{"a browser names xml", list(browser), list("application/json"), problem.XML},
		{"wildcard", list("*/*"), list("application/json"), problem.JSON},
		{"wildcard, xml", list("*/*"), list("text/xml"), problem.XML},
		{"wildcard, form", list("*/*"), list("application/x-www-form-urlencoded"), problem.XML},
		{"half a wildcard", list("application/*"), list("application/json;charset=UTF-8"), problem.JSON},
		{"images", list("image/png"), list("application/json"), problem.JSON},
		{"odd accept", list("text/plain"), list("application/json"), problem.XML},
		{"vendor's json", list("application/vnd.x+json"), list("application/json"), problem.XML},
		{"empty accept", list(""), list("application/json"), problem.JSON},
		{"commas alone", list(", ,"), list("application/json"), problem.JSON},
		{"content type by another case", nil, list(" Application/Json ; x=y"), problem.JSON},
		{"first content type counts", nil, list("application/xml", "application/json"), problem.XML},
		{"beyond the bound in ranges", list(strings.Repeat("*/*,", 64) + "application/json"), nil, problem.XML},
		{"within the bound in ranges", list(strings.Repeat("*/*,", 63) + "application/json"), nil, problem.JSON},
		{"beyond the bound in bytes", list("image/"+strings.Repeat("x", 4096)+", application/json", "application/json"), nil, problem.XML},
	} {
		if got := problem.Negotiate(c.accept, c.contentType); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json")
	f.Add(`a;b="\`, "")
	f.Add("application/json;q=0", "text/xml")
	f.Fuzz(func(t *testing.T, accept, contentType string) {
		got := problem.Negotiate([]string{accept}, []string{contentType})
		if got != problem.JSON && got != problem.XML {
			t.Fatalf("neither: %d", got)
		}
		lower := strings.ToLower(accept + contentType)
		if got == problem.JSON && !strings.Contains(lower, "application/json") {
			t.Fatalf("JSON, though nobody named it: %q %q", accept, contentType)
		}
	})
}
