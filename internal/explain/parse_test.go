package explain_test

import (
	"encoding/hex"
	"testing"

	"countersign.dev/internal/explain"
	"github.com/google/go-cmp/cmp"
)

func TestAReportIsReadAsItWasWritten(t *testing.T) {
	own := "1763625600POST/x\xff"
	o := sent{method: "POST", target: "/x", body: "{\xfe}", sig: hex.EncodeToString(mac(secret, own))}.observed()
	r := ask(t, "finci", o, func(q *explain.Question) { q.Canonical = []byte(own) })
	back, err := explain.ParseReport([]byte(r.JSON()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Error(diff)
	}
	if r.Text() != back.Text() {
		t.Error("the texts differ")
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(`{"verdict":"valid"}`))
	f.Add([]byte(`{"verdict":"explained","fault":{},"input":"abc","parts":[{"start":0,"end":9}]}`))
	f.Add([]byte(`{"verdict":"differs","fault":{},"difference":{"offset":3,"mark":-1}}`))
	f.Add([]byte(`{"verdict":"unexplained","input":{"base64":"AA=="},"parts":[{"name":"\u001b[31m","start":0,"end":1}],"findings":[{"steps":[{}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := explain.ParseReport(text)
		if err != nil {
			return
		}
		for _, c := range r.Text() {
			if c < ' ' && c != '\n' || c == 0x7f {
				t.Errorf("the text holds %q", c)
			}
		}
	})
}
