package main

import (
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/explain"
	captures "countersign.dev/internal/explain/capture"
)

// TestExplainOnline: the question is signed as the caller, and the server's report is shown.
func TestExplainOnline(t *testing.T) {
	a := newCallee(t)
	id := strings.Repeat("0f", 16)
	report := &explain.Report{Verdict: explain.Unexplained, Profile: "finci\x1b[31m", Fault: &explain.Fault{Kind: "mismatch", Detail: "signature does not match"},
		Findings: []explain.Finding{}, Input: []byte("1763625600GET/x"), Parts: []explain.Part{{Name: "ts", End: 10}, {Name: "method", Start: 10, End: 13}, {Name: "target", Start: 13, End: 15}}}
	asked := ""
	var refusal error
	a.handle = func(w http.ResponseWriter, r *http.Request, _ []byte) {
		asked = r.Method + " " + r.RequestURI
		captures.Answer(w, report, refusal)
	}
	code, out, _ := a.run(t, "", "explain", "--request-id", id, "--as", "card")
	if code != exitRefused || asked != "GET /.well-known/countersign/explain/"+id || !strings.Contains(out, "| /x\n") || strings.Contains(out, "\x1b") {
		t.Errorf("%d, asked %s: %s", code, asked, out)
	}
	if a.run(t, "", "explain", "--request-id", id, "--api", "card"); asked != "GET /.well-known/countersign/explain/card/"+id {
		t.Errorf("of an API by name: asked %s", asked)
	}
	report.Verdict = explain.Explained
	if out := a.must(t, "", "explain", "--request-id", id, "-o", "json"); !strings.Contains(out, `"verdict":"explained"`) {
		t.Error(out)
	}
	refusal = captures.ErrNone
	if code, _, errOut := a.run(t, "", "explain", "--request-id", id); code != exitFailed || !strings.Contains(errOut, "no capture of this request") {
		t.Errorf("%d: %s", code, errOut)
	}
}

// TestExplainOnlineTrustsNoAnswer: a server that answers nonsense gets a clear error, and no panic.
func TestExplainOnlineTrustsNoAnswer(t *testing.T) {
	a := newCallee(t)
	answer := ""
	a.handle = func(w http.ResponseWriter, _ *http.Request, _ []byte) { _, _ = w.Write([]byte(answer)) }
	for _, answer = range []string{"", "{}", "[]", "<html>", `{"verdict":"explained"}`, `{"verdict":"form","fault":{},"input":"a","parts":[{"start":0,"end":99}]}`,
		`{"verdict":"differs","fault":{},"difference":{"mark":-5}}`, `{"verdict":"explained","fault":{},"input":{"base64":3}}`, strings.Repeat("[", 1<<20)} {
		if code, _, errOut := a.run(t, "", "explain", "--request-id", strings.Repeat("a", 32)); code != exitFailed || !strings.Contains(errOut, "the answer is no report") {
			t.Errorf("%.40q: %d: %s", answer, code, errOut)
		}
	}
	for _, args := range [][]string{{"--request-id", "../../x"}, {"--request-id", strings.Repeat("a", 32), "--curl", "x"}} {
		if code, _, _ := a.run(t, "", append([]string{"explain"}, args...)...); code != exitFailed {
			t.Errorf("%v: %d", args, code)
		}
	}
}
