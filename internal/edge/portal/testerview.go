package portal

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/tester"
)

// shownBytes bounds what a page shows of one text, in bytes.
const shownBytes = 16 << 10

// testerPolicy is the policy of the page in which a secret is typed: that of all pages, but that no script connects to anything
// at all, nor loads a picture from anywhere else. What a page of ours could do with the secret by mistake, the browser does not
// do.
const testerPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'none'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// testerWriter sets the stricter policy at the last moment.
type testerWriter struct{ http.ResponseWriter }

func (w testerWriter) WriteHeader(status int) {
	w.Header().Set("Content-Security-Policy", testerPolicy)
	w.ResponseWriter.WriteHeader(status)
}

// callView is a prepared call as a page shows it.
type callView struct {
	Plan     bool
	Beyond   string // why it cannot be signed in a page
	Sendable bool
	Size     int
	Lines    []string
	Parts    []page.PartView
	Left     int
	PlanJSON string
	Input    string // of what is signed, base64
	Shell    string
	At       string
	Window   string
}

func viewOfCall(c *tester.Call) *callView {
	v := &callView{Plan: c.Plan != nil, Sendable: c.Beyond == nil, Size: len(c.Canonical), At: c.Claims.At.UTC().Format(time.RFC3339)}
	if c.Beyond != nil {
		v.Beyond = c.Beyond.Error()
		return v
	}
	if c.Plan == nil {
		return v
	}
	text, err := json.Marshal(c.Plan)
	if err != nil {
		return &callView{Beyond: "The steps of its signature cannot be written down."}
	}
	v.PlanJSON, v.Input, v.Shell = string(text), base64.StdEncoding.EncodeToString(c.Canonical), c.Shell()
	v.Lines, v.Left = visibleLines(c.Canonical, shownBytes)
	room := shownBytes
	for _, p := range c.Parts {
		piece := c.Canonical[p.Start:p.End]
		piece = piece[:min(len(piece), room)]
		room -= len(piece)
		v.Parts = append(v.Parts, page.PartView{Offset: p.Start, Name: partName(p.Name), Text: explain.Visible(piece, true)})
	}
	if s, err := c.API.Profile.Alternative(c.API.Alternative); err == nil && s.HasTime() {
		v.Window = page.Span(s.Window())
	}
	return v
}

// visibleLines writes bytes with a line for each line feed, every byte visible.
func visibleLines(text []byte, most int) (out []string, left int) {
	shown := text[:min(len(text), most)]
	left = len(text) - len(shown)
	for begin := 0; begin < len(shown); {
		end := begin
		for end < len(shown) && shown[end] != '\n' {
			end++
		}
		end = min(end+1, len(shown))
		out = append(out, explain.Visible(shown[begin:end], false))
		begin = end
	}
	return out, left
}

// partName is a part of the profile's language in words, as far as it is one of the few that everybody meets.
func partName(name string) string {
	if words := map[string]string{"ts": "timestamp", "key_id": "API token", "target": "path and query"}[name]; words != "" {
		return words
	}
	return name
}
