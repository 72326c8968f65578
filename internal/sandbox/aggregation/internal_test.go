package aggregation

import (
	"math"
	"os"
	"strings"
	"testing"
)

// TestCentsAreExact needs the type itself: no call of the model reaches the edges.
func TestCentsAreExact(t *testing.T) {
	for amount, want := range map[cents]string{
		0: "0.00", 5: "0.05", -5: "-0.05", 99: "0.99", 100: "1.00", -1205: "-12.05", 1850_00: "1850.00",
		math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08",
	} {
		asJSON, err := amount.MarshalJSON()
		if err != nil || string(asJSON) != want {
			t.Errorf("JSON of %d: got %s %v, want %s", int64(amount), asJSON, err, want)
		}
		asXML, err := amount.MarshalText()
		if err != nil || string(asXML) != want {
			t.Errorf("XML of %d: got %s %v, want %s", int64(amount), asXML, err, want)
		}
	}
}

// TestDocsListEveryCall holds docs/model-upstreams.md to the route table, in both
// directions.
func TestDocsListEveryCall(t *testing.T) {
	text, err := os.ReadFile("../../../docs/model-upstreams.md")
	if err != nil {
		t.Fatal(err)
	}
	served := make(map[string]bool)
	for _, r := range routes() {
		row := "| " + r.Method + " `" + r.Pattern + "` |"
		served[row] = true
		if !strings.Contains(string(text), row) {
			t.Errorf("the docs have no row %s", row)
		}
	}
	for line := range strings.Lines(string(text)) {
		for _, prefix := range []string{"`/v1/", "`/v2/", "`/v3/", "`/institution/"} {
			if _, after, found := strings.Cut(line, prefix); found && strings.HasPrefix(line, "| ") {
				path, _, _ := strings.Cut(after, "`")
				method := strings.Fields(line)[1]
				if row := "| " + method + " " + prefix + path + "` |"; !served[row] {
					t.Errorf("the docs list what is not served: %s", row)
				}
			}
		}
	}
}
