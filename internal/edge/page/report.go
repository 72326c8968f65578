package page

import (
	"fmt"
	"html/template"
	"strings"
	"sync"
	"unicode"

	"countersign.dev/internal/explain"
)

// Bounds of what a page shows of a report: bytes of one canonical input, and findings. The rest is counted, not shown.
const (
	reportBytes    = 8 << 10
	reportFindings = 20
)

// ReportView is a report of explain as a page shows it: every text made visible, cut, and in the order in which it helps.
// It holds what the report holds, no MAC and no secret; the canonical input is for the owner of the request and for operators
// who may read decisions (security rule 4).
type ReportView struct {
	Verdict    string // the stable word, for a badge
	Known      bool   // it names a cause, or that there is none in the signature
	Headline   string
	Profile    string
	KeyID      string
	Fault      string // what a server says first; empty: nothing
	Notes      []string
	Difference *DifferenceView
	Findings   []FindingView
	More       int // findings beyond those
	Size       int // bytes that a server verifies
	Parts      []PartView
	Left       int // of Size, bytes that are not shown
	Tried      int
	Complete   bool
}

// DifferenceView is where two canonical inputs part.
type DifferenceView struct {
	Text           string
	Same           bool // they do not part
	Yours, Servers string
	Mark           string // blanks, and ^ below the first character that differs
	Signed         string
}

// FindingView is one explanation that reproduces the signature.
type FindingView struct {
	What, Cure []string
	Size       int
	Input      []string // what was signed, line by line; nil: it cannot be shown
	Left       int
}

// PartView is one piece of what a server verifies.
type PartView struct {
	Offset int
	Name   string
	Text   string // every byte of it visible
}

var headlines = map[explain.Verdict]string{
	explain.Valid:     "The signature is good. If the request was refused, the reason is another one.",
	explain.Form:      "The request does not have the form that the profile asks for; a server says so.",
	explain.Explained: "Explained: this reproduces the signature that was sent.",
	explain.Differs:   "Explained: your canonical input was signed, and a server comes to another one.",
}

// NewReportView makes the view of a report; nil gives the zero view.
func NewReportView(r *explain.Report) ReportView {
	if r == nil {
		return ReportView{}
	}
	v := ReportView{Verdict: word(string(r.Verdict)), Known: r.Verdict.Known(), Headline: headlines[r.Verdict], Profile: plainText(r.Profile),
		Tried: r.Tried, Complete: r.Complete, Size: len(r.Input)}
	if v.Headline == "" {
		v.Headline = "No guess matches: nothing that was tried reproduces the signature that was sent."
	}
	if r.KeyID != "" {
		v.KeyID = explain.Visible([]byte(r.KeyID), true)
	}
	if f := r.Fault; f != nil {
		v.Fault = plainText(f.Kind + ": " + strings.TrimSpace(f.Where+" "+f.Detail))
	}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, plainText(n))
	}
	if r.Difference != nil {
		v.Difference = differenceView(r.Difference)
	}
	for _, f := range r.Findings[:min(len(r.Findings), reportFindings)] {
		v.Findings = append(v.Findings, findingView(f))
	}
	v.More = len(r.Findings) - len(v.Findings)
	if r.Verdict != explain.Valid {
		v.Parts, v.Left = partViews(r)
	}
	return v
}

// ParseReportView reads the JSON of a report that the contract or a server gave. Errors: those of explain.ParseReport.
func ParseReportView(text []byte) (ReportView, error) {
	r, err := explain.ParseReport(text)
	if err != nil {
		return ReportView{}, err
	}
	return NewReportView(r), nil
}

func differenceView(d *explain.Difference) *DifferenceView {
	if d.Offset < 0 {
		return &DifferenceView{Same: true, Text: "Your canonical input is the server's, byte for byte: look at the secret and at how the signature is made and written."}
	}
	v := &DifferenceView{Yours: plainText(d.Yours), Servers: plainText(d.Servers), Mark: strings.Repeat(" ", min(max(d.Mark, 0), 200)) + "^",
		Text: fmt.Sprintf("Your canonical input and the server's differ from byte %d on, in %s.", d.Offset, plainText(d.Part))}
	v.Signed = "Yours, with this secret, does not give the signature that was sent either: the secret, or how the signature is made, is another one too."
	if d.Signed {
		v.Signed = "Yours, with this secret, gives the signature that was sent: this difference is the cause."
	}
	return v
}

func findingView(f explain.Finding) FindingView {
	v := FindingView{Size: len(f.Input)}
	for _, s := range f.Steps {
		v.What = append(v.What, plainText(s.What))
		v.Cure = append(v.Cure, plainText(s.Cure))
	}
	if f.Input == nil {
		return v
	}
	shown := f.Input[:min(len(f.Input), reportBytes)]
	v.Left = len(f.Input) - len(shown)
	for line := range strings.Lines(string(shown)) {
		v.Input = append(v.Input, explain.Visible([]byte(line), false))
	}
	if len(shown) == 0 {
		v.Input = []string{"(nothing)"}
	}
	return v
}

// partViews cuts the canonical input into its parts. Parts of a report that came from elsewhere may point anywhere.
func partViews(r *explain.Report) (parts []PartView, left int) {
	room := reportBytes
	for _, p := range r.Parts {
		if p.Start < 0 || p.End < p.Start || p.End > len(r.Input) {
			continue
		}
		text := r.Input[p.Start:p.End]
		if len(text) > room {
			left += len(text) - room
			text = text[:room]
		}
		room -= len(text)
		parts = append(parts, PartView{Offset: p.Start, Name: plainText(p.Name), Text: explain.Visible(text, true)})
	}
	return parts, left
}

// plainText is a sentence that may quote a request: nothing in it changes the direction or the shape of the text around it.
func plainText(s string) string {
	return strings.Map(func(c rune) rune {
		if c != ' ' && !unicode.IsGraphic(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}

// word is a verdict as a class name can hold it; anything else is none that explain has.
func word(s string) string {
	for _, c := range s {
		if c < 'a' || c > 'z' {
			return "unexplained"
		}
	}
	return s
}

// reportTemplate is the partial of a report: one section without a heading of its own level above h3.
const reportTemplate = `<div class="report" data-verdict="{{.Verdict}}">
<p class="note {{if eq .Verdict "valid"}}good{{else if .Known}}info{{else}}warn{{end}}"><strong>{{.Headline}}</strong></p>
<dl class="facts">
<dt>Profile</dt><dd>{{.Profile}}</dd>
{{with .KeyID}}<dt>Key id</dt><dd><code>{{.}}</code></dd>
{{end}}{{with .Fault}}<dt>A server says</dt><dd>{{.}}</dd>
{{end}}</dl>
{{with .Notes}}<ul class="notes">{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{with .Difference}}<p>{{.Text}}</p>
{{if not .Same}}<pre class="bytes" tabindex="0" role="region" aria-label="Where the two inputs differ">yours   {{.Yours}}
server  {{.Servers}}
        {{.Mark}}</pre>
<p>{{.Signed}}</p>{{end}}{{end}}
{{if .Findings}}<ol class="findings">{{range .Findings}}<li>
{{range .What}}<p>{{.}}.</p>{{end}}
{{range .Cure}}<p class="cure"><strong>Cure:</strong> {{.}}.</p>{{end}}
{{if .Input}}<p>Signed, {{.Size}} bytes:</p>
<pre class="bytes" tabindex="0" role="region" aria-label="What was signed">{{range .Input}}{{.}}
{{end}}{{if .Left}}… {{.Left}} bytes more{{end}}</pre>{{end}}
</li>{{end}}</ol>{{end}}
{{if .More}}<p>{{.More}} more explanations reproduce it as well.</p>{{end}}
{{if .Parts}}<p>A server verifies {{.Size}} bytes:</p>
<div class="box" tabindex="0" role="region" aria-label="What a server verifies"><table>
<caption>What a server verifies, part by part</caption>
<thead><tr><th scope="col" class="n">From byte</th><th scope="col">Part</th><th scope="col">Bytes</th></tr></thead>
<tbody>{{range .Parts}}<tr><td class="n">{{.Offset}}</td><td>{{or .Name "(text of the profile)"}}</td><td><code>{{.Text}}</code></td></tr>
{{end}}</tbody>
</table></div>
{{if .Left}}<p>… {{.Left}} bytes more.</p>{{end}}{{end}}
{{if gt .Tried 1}}<p class="soft">{{.Tried}} signatures were tried{{if not .Complete}}; the search was ended by its bounds and is not complete{{end}}.</p>{{end}}
</div>
`

var reportPartial = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Parse(reportTemplate))
})

// HTML is the view as a part of a page, to be put below a heading of that page's. It is safe to be shown whatever the request held.
func (v ReportView) HTML() template.HTML {
	var b strings.Builder
	if err := reportPartial().Execute(&b, v); err != nil {
		return "" // texts and numbers into a fixed template: nothing can fail
	}
	return template.HTML(b.String())
}
