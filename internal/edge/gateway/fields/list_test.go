package fields_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/edge/gateway/fields"
	"github.com/google/go-cmp/cmp"
)

// header is what a list and an http.Header can both do.
type header interface {
	Set(name, value string)
	Add(name, value string)
	Del(name string)
	Get(name string) string
	Values(name string) []string
}

// TestAListIsAHeader: each operation leaves what the same one leaves of an http.Header.
func TestAListIsAHeader(t *testing.T) {
	begun := http.Header{"A": {"1", "2"}, "B": {"3"}, "C": {""}, "Set-Cookie": {"x", "y", "z"}}
	for name, do := range map[string]func(header){
		"nothing":                       func(header) {},
		"one that is not there is set":  func(h header) { h.Set("D", "x") },
		"two become one":                func(h header) { h.Set("A", "x") },
		"the last three become one":     func(h header) { h.Set("Set-Cookie", "x") },
		"one more":                      func(h header) { h.Add("A", "3") },
		"one that is not there is out":  func(h header) { h.Del("D") },
		"three are taken out":           func(h header) { h.Del("Set-Cookie") },
		"all are taken out":             func(h header) { h.Del("A"); h.Del("B"); h.Del("C"); h.Del("Set-Cookie") },
		"taken out, then added in turn": func(h header) { h.Del("A"); h.Add("B", "x"); h.Add("A", "y"); h.Set("B", "z") },
	} {
		list, want := fields.Of(begun), begun.Clone()
		do(&list)
		do(want)
		if diff := cmp.Diff(want, list.Map()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, field := range []string{"A", "B", "C", "D", "Set-Cookie"} {
			if list.Get(field) != want.Get(field) || !cmp.Equal(list.Values(field), want.Values(field)) || list.Has(field) != (len(want.Values(field)) > 0) {
				t.Errorf("%s: %s is %q, want %q", name, field, list.Values(field), want.Values(field))
			}
		}
	}
}

// TestAListKeepsItsOrder, also where something in its middle is set or taken out, and leaves no text behind in memory that is used again.
func TestAListKeepsItsOrder(t *testing.T) {
	list := fields.List{{"B", "1"}, {"A", "2"}, {"B", "3"}, {"C", "4"}}
	whole := list[:4]
	list.Set("B", "5")
	list.Del("A")
	if diff := cmp.Diff(fields.List{{"B", "5"}, {"C", "4"}}, list); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(fields.List{{}, {}}, whole[2:]); diff != "" {
		t.Error(diff)
	}
}

// TestAddToKeepsWhatIsThere: the values of a map that others hold are not written over.
func TestAddToKeepsWhatIsThere(t *testing.T) {
	before := make([]string, 1, 4)
	before[0] = "1"
	m := http.Header{"A": before[:1:1]}
	fields.List{{"A", "2"}, {"B", "3"}, {"A", "4"}, {"B", "5"}}.AddTo(m)
	if diff := cmp.Diff(http.Header{"A": {"1", "2", "4"}, "B": {"3", "5"}}, m); diff != "" {
		t.Error(diff)
	}
	if before[:4][1] != "" {
		t.Error("wrote into memory of others")
	}
}
