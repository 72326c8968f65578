package page_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/explain"
)

func TestAReportIsShownWhole(t *testing.T) {
	html := string(page.NewReportView(&explain.Report{Verdict: explain.Explained, Profile: "card", KeyID: "key 1 ", Tried: 7, Complete: false,
		Fault: &explain.Fault{Kind: "bad_signature", Detail: "it does not match"}, Notes: []string{"the line ends are bare"},
		Findings: []explain.Finding{{Steps: []explain.Step{{What: "the body was signed with a line feed", Cure: "sign what is sent"}}, Input: explain.Bytes("GET\n/a\tb")}},
		Input:    explain.Bytes("GET/a"), Parts: []explain.Part{{Name: "method", End: 3}, {Name: "target", Start: 3, End: 5}}}).HTML())
	for _, want := range []string{"Explained: this reproduces", "card", "key 1␠", "bad_signature: it does not match", "the line ends are bare",
		"the body was signed with a line feed.", "Cure:</strong> sign what is sent.", `GET\n`, `/a\tb`, "5 bytes", "<td>target</td>", "<code>/a</code>", "not complete"} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is missing in\n%s", want, html)
		}
	}
}

func TestADifferenceIsMarked(t *testing.T) {
	d := explain.Compare([]byte("GET/a"), []byte("GET/b"), []explain.Part{{Name: "method", End: 3}, {Name: "target", Start: 3, End: 5}})
	html := string(page.NewReportView(&explain.Report{Verdict: explain.Unexplained, Difference: d}).HTML())
	if !strings.Contains(html, "differ from byte 4 on, in target") || !strings.Contains(html, "yours   GET/a\nserver  GET/b\n            ^</pre>") {
		t.Errorf("the difference is shown as\n%s", html)
	}
	same := string(page.NewReportView(&explain.Report{Difference: &explain.Difference{Offset: -1}}).HTML())
	if !strings.Contains(same, "byte for byte") || strings.Contains(same, "server  ") {
		t.Errorf("no difference is shown as\n%s", same)
	}
}

// hostileReport is one that a stranger has a say in: what was sent stands in it.
const hostileReport = `{"verdict":"explained","profile":"<script>alert(1)</script>","key_id":"</code><script>","fault":{"kind":"<i>","detail":"\u202eevil"},` +
	`"findings":[{"steps":[{"family":"f","name":"n","what":"<img src=x>","cure":"\u0007bell"}],"input":"<script>\u001b[31m</script>"}],` +
	`"difference":{"offset":3,"yours":"<b>","servers":"\u0000","mark":2},` +
	`"input":"<script>","parts":[{"name":"<u>","start":0,"end":8}],"tried":9,"complete":true}`

func TestAReportIsNoMarkup(t *testing.T) {
	v, err := page.ParseReportView([]byte(hostileReport))
	if err != nil {
		t.Fatal(err)
	}
	html := string(v.HTML())
	for _, bad := range []string{"<script", "<img", "<b>", "<u>", "<i>", "onclick=x\"", "\x1b", "\x07", "\x00", "\u202e"} {
		if strings.Contains(html, bad) {
			t.Errorf("%q is in\n%s", bad, html)
		}
	}
	if len(html) > 10_000 {
		t.Errorf("%d bytes", len(html))
	}
	lies := page.NewReportView(&explain.Report{Input: explain.Bytes("abc"), Parts: []explain.Part{{Start: -5, End: 2}, {Start: 2, End: 1}, {End: 99}, {Name: "right", End: 3}}})
	if len(lies.Parts) != 1 || lies.Parts[0].Name != "right" {
		t.Errorf("parts that point outside: %+v", lies.Parts)
	}
}

func TestAReportIsCut(t *testing.T) {
	long := explain.Bytes(strings.Repeat("x", 100<<10))
	r := &explain.Report{Verdict: explain.Explained, Input: long, Parts: []explain.Part{{Name: "body", End: len(long)}}}
	for range 50 {
		r.Findings = append(r.Findings, explain.Finding{Steps: []explain.Step{{What: "w", Cure: "c"}}, Input: long})
	}
	html := string(page.NewReportView(r).HTML())
	if len(html) > 300<<10 || !strings.Contains(html, "94208 bytes more") || !strings.Contains(html, "30 more explanations") {
		t.Errorf("%d bytes are shown", len(html))
	}
}

func FuzzReportView(f *testing.F) {
	f.Add([]byte(hostileReport))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := page.ParseReportView(text)
		if err != nil {
			return
		}
		html := string(v.HTML())
		if strings.Contains(html, "<script") || html == "" {
			t.Errorf("shown as %q", html)
		}
	})
}
