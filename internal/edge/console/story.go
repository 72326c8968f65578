package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func storyRoutes() []route {
	return []route{
		{pattern: "GET /console/requests", serve: (*visit).storyAsk},
		{pattern: "GET /console/requests/{request}", serve: (*visit).story},
	}
}

// storyPage is what the page of one request gets.
type storyPage struct {
	S           api.Story
	Outcome     string
	Tone        string
	Steps       []storyStep
	Versions    []storyVersion
	Line        string // the line of the record, one member in each row
	Told        string // the body that the caller got
	Partner     bool   // the visitor may open the partner's page
	Explanation storyExplanation
}

// storyStep is one check of the pipeline.
type storyStep struct {
	Title, Word, Tone, Class string
	Facts                    []string
}

// storyVersion is one version of the credential, as it was then.
type storyVersion struct {
	Number      int
	State, Text string
	Tried       bool
	Proved      bool
}

// storyExplanation is what countersign explain says of the signature, or why it says nothing.
type storyExplanation struct {
	Asked  bool // the reason is one of those that a signature can explain
	Report *page.ReportView
	None   string // why there is no report
	Retry  bool   // it is worth trying again
}

// explainable are the reasons of which requests are kept to be explained.
var explainable = []string{"bad_signature", "malformed_header", "malformed_time", "stale_timestamp", "future_timestamp"}

// storyAsk leads from the form of a request id to its story.
func (v *visit) storyAsk(w http.ResponseWriter, r *http.Request) {
	id := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("id")))
	form := &page.Form{Values: r.URL.Query()}
	view := page.View{Title: "Why was it refused?", Section: "decisions", Narrow: true, Data: form,
		Lead: "Every answer of the gateway carries the id of its request; a refused caller was told it."}
	if id != "" {
		if isRequestID(id) {
			v.done(w, r, page.Path(base+"/requests", id), "")
			return
		}
		form.Refuse("id", "The id of a request has 32 digits and letters from a to f.")
		view.Status = http.StatusUnprocessableEntity
	}
	v.show(w, r, "storyask", view)
}

// isRequestID tells what can be the id of a request.
func isRequestID(id string) bool {
	return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}

// story tells what became of one request, and why.
func (v *visit) story(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("request")
	got, err := v.api.DecisionWhy(r.Context(), id)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	s := got.Value
	data := storyPage{S: s, Line: lineText(s.Line), Told: told(s), Partner: s.Proved && v.may("partners.read", ""), Versions: versionsOf(s)}
	data.Outcome, data.Tone = outcomeOf(s)
	for _, step := range s.Steps {
		data.Steps = append(data.Steps, stepOf(step.Title, step.State, step.Facts))
	}
	if !s.Allowed && slices.Contains(explainable, s.Reason) {
		if data.Explanation, err = v.explanation(r, id); err != nil {
			v.fail(w, r, err)
			return
		}
	}
	v.show(w, r, "story", page.View{Title: "Request " + page.Short(s.RequestID), Heading: "One request", Section: "decisions", Data: data,
		Lead: s.Cause, Trail: []page.Item{{Text: "Decisions", Href: base + "/decisions"}}})
}

// explanation asks what explain says. That there is nothing to explain, or not now, is a part of the page; a session that has
// ended is not.
func (v *visit) explanation(r *http.Request, id string) (e storyExplanation, err error) {
	e.Asked = true
	got, err := v.api.DecisionExplanation(r.Context(), id)
	var problem *api.Error
	switch {
	case err == nil:
		report, fault := page.ParseReportView(got.Value.Report)
		if fault != nil {
			v.s.cfg.Log("read an explanation", fault)
			e.None = "What was found cannot be shown here: countersign explain --request-id shows it."
			return e, nil
		}
		e.Report = &report
		return e, nil
	case errors.Is(err, api.NotSignedIn) || !errors.As(err, &problem):
		return e, err
	}
	e.None, e.Retry = problem.Detail, problem.Status == http.StatusTooManyRequests || problem.Status >= 500
	return e, nil
}

func outcomeOf(s api.Story) (text, tone string) {
	text, tone = "Refused", "bad"
	if s.Allowed {
		text, tone = "Let in", "good"
	}
	if !s.Finished {
		text, tone = "Let in; what came of it is not recorded yet", "info"
	}
	return text, tone
}

func stepOf(title, state string, facts []string) storyStep {
	step := storyStep{Title: strings.ToUpper(title[:min(1, len(title))]) + title[min(1, len(title)):], Word: state, Facts: facts}
	switch state {
	case "passed":
		step.Word, step.Tone, step.Class = "passed", "good", "good"
	case "failed":
		step.Word, step.Tone, step.Class = "failed here", "bad", "bad"
	case "unclear":
		step.Word, step.Tone, step.Class = "perhaps here", "warn", "warn"
	case "not_reached":
		step.Word, step.Tone = "not reached", "plain"
	}
	return step
}

// versionsOf are those of the credential, with what was done with them.
func versionsOf(s api.Story) (list []storyVersion) {
	known := map[int]bool{}
	for _, then := range s.Versions.Then {
		known[then.Version] = true
		list = append(list, storyVersion{Number: then.Version, State: then.State, Text: then.Text,
			Tried: slices.Contains(s.Versions.Tried, then.Version), Proved: s.Versions.Proved == then.Version})
	}
	for _, number := range append(slices.Clone(s.Versions.Tried), s.Versions.Proved) {
		if number > 0 && !known[number] {
			known[number] = true
			list = append(list, storyVersion{Number: number, State: "not in the register any more", Tried: slices.Contains(s.Versions.Tried, number),
				Proved: s.Versions.Proved == number})
		}
	}
	return list
}

// told is the body of the answer, readable where it is JSON.
func told(s api.Story) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(s.Told.Body), "", "  ") == nil {
		return out.String()
	}
	return s.Told.Body
}

// lineText is the line as it stands in the record, with a row for each of its members.
func lineText(line []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, line, "", "  ") != nil {
		return string(line)
	}
	return out.String()
}
