package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// tailLatest is how many decisions the page begins with; the script keeps tailRows of them.
const (
	tailLatest = 50
	tailRows   = 500
)

func tailRoutes() []route {
	return []route{{pattern: "GET /console/tail", serve: (*visit).tail}}
}

// tailFields are the filters of the page: the names of the contract.
var tailFields = []string{"environment", "api", "decision", "reason", "partner", "credential", "address"}

// tailPage is what the page gets.
type tailPage struct {
	Filter                  *page.Form
	Environments, Decisions []page.Option
	Rows                    []tailRow
	Empty                   tailRow // for the script's template of a row
	Keep                    int
	Source                  string // the stream, with the filters and the place of the newest row; empty: there is none
	Here                    string // this page, to be loaded again
	SignIn                  string // the sign-in, which leads back here
	Partners                bool   // the visitor may open the pages of partners
	Unread                  []string
}

// tailRow is one decision as the table shows it; the script fills the same cells from the same line.
type tailRow struct {
	Line struct {
		Seq         uint64 `json:"seq"`
		Time        string `json:"time"`
		RequestID   string `json:"request_id"`
		Environment string `json:"environment"`
		API         string `json:"api"`
		Decision    string `json:"decision"`
		Reason      string `json:"reason"`
		Status      int    `json:"status"`
		Method      string `json:"method"`
		Path        string `json:"path"`
		Partner     string `json:"partner"`
		Proved      bool   `json:"proved"`
		Address     string `json:"address"`
		Duration    int64  `json:"duration_us"`
		Lost        uint64 `json:"lost"`
	}
}

// Clock is the time of day, to the millisecond.
func (t tailRow) Clock() string {
	if at := t.Line.Time; len(at) >= 23 {
		return at[11:23]
	}
	return t.Line.Time
}

// Tone is the colour of the decision; the word stands beside it.
func (t tailRow) Tone() string {
	return map[string]string{"allow": "good", "admit": "info", "refuse": "bad", "gap": "warn"}[t.Line.Decision]
}

// Millis is the duration, for people.
func (t tailRow) Millis() string {
	if t.Line.Duration == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(t.Line.Duration)/1000, 'f', 1, 64)
}

// tail shows the latest decisions, and follows the record where scripts run.
func (v *visit) tail(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	form := &page.Form{Values: url.Values{}}
	kept := url.Values{}
	for _, name := range tailFields {
		if text := query.Get(name); text != "" {
			form.Values.Set(name, text)
			kept.Set(name, text)
		}
	}
	data := tailPage{Filter: form, Keep: tailRows, Partners: v.may("partners.read", "")}
	environments, err := v.api.EnvironmentList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data.Environments = append(data.Environments, page.Option{Text: "all"})
	for _, e := range environments.Value.Items {
		if v.sees(e.Name) {
			data.Environments = append(data.Environments, page.Option{Value: e.Name, Text: e.Name})
		}
	}
	data.Decisions = []page.Option{{Text: "all"}, {Value: "final", Text: "let in or refused"}, {Value: "allow", Text: "let in"},
		{Value: "refuse", Text: "refused"}, {Value: "admit", Text: "forwarded, not finished"}, {Value: "gap", Text: "lost lines"}}
	view := page.View{Title: "Live tail", Section: "tail", Scripts: []string{"tail.js"}, Lead: "Decisions as they are written, the newest first."}
	list, err := v.api.DecisionList(r.Context(), tailParams(form))
	switch {
	case err != nil && refused(form, err):
		view.Status = http.StatusUnprocessableEntity
	case err != nil:
		v.fail(w, r, err)
		return
	default:
		data.fill(list.Value, kept)
	}
	data.Here = base + "/tail" + query0(kept)
	data.SignIn = page.Link(v.s.cfg.SignIn, "next", data.Here)
	view.Data = data
	v.show(w, r, "tail", view)
}

func tailParams(form *page.Form) api.DecisionListParams {
	return api.DecisionListParams{Limit: tailLatest, Environment: form.Value("environment"), API: form.Value("api"), Reason: form.Value("reason"),
		Decision: api.DecisionListParamsDecision(form.Value("decision")), Partner: form.Value("partner"), Credential: form.Value("credential"),
		Address: form.Value("address")}
}

// fill takes the rows, and the stream that begins behind the newest of them.
func (t *tailPage) fill(list api.DecisionPage, kept url.Values) {
	newest := uint64(0)
	for _, found := range list.Items {
		var row tailRow
		if json.Unmarshal(found.Line, &row.Line) != nil {
			continue // a line that is no such object is for the verification of the record
		}
		newest = max(newest, row.Line.Seq)
		t.Rows = append(t.Rows, row)
	}
	t.Unread = list.Unread
	if newest > 0 {
		kept.Set("after", strconv.FormatUint(newest, 10))
	}
	t.Source = "/v1/decisions/tail" + query0(kept)
	kept.Del("after")
}

// query0 is a query with its question mark, or nothing.
func query0(values url.Values) string {
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}
