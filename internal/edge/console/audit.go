package console

import (
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

const auditPath, changesPath, decisionsPath, checkpointsPath = base + "/audit", base + "/changes", base + "/decisions", base + "/audit/checkpoints"

func auditRoutes() []route {
	return []route{
		{pattern: "GET /console/audit", serve: (*visit).auditRecords},
		{pattern: "POST /console/audit/records/{record}", serve: (*visit).auditVerify, done: map[string]string{
			"verifying": "The record is being verified from its first line, in the background. Load this page again to see how far it is."}},
		{pattern: "GET /console/audit/checkpoints", serve: (*visit).auditCheckpoints},
	}
}

// auditTabs are the parts of the audit explorer that the visitor may see.
func (v *visit) auditTabs(here string) (tabs []page.Item) {
	for _, one := range []struct{ text, href, permission string }{
		{"Verification", auditPath, "changes.read"}, {"Changes", changesPath, "changes.read"},
		{"Decisions", decisionsPath, "decisions.read"}, {"Checkpoints", checkpointsPath, "records.export"},
	} {
		if v.may(one.permission, "") {
			tabs = append(tabs, page.Item{Text: one.text, Href: one.href, Here: one.href == here})
		}
	}
	return tabs
}

// verdict is how it stands with a record, in a word, its colour and what it means.
type verdict struct{ Tone, Word, Means string }

// verdicts are all there are, in the order of the explanation on the page.
var verdicts = []verdict{
	{"good", "Verified and anchored", "Every entry that was verified is what was written, in its place, and a signed checkpoint, kept elsewhere, vouches for all of them: " +
		"nobody has changed, removed or rewritten one without the key of the checkpoints."},
	{"warn", "Verified, tail not anchored", "No entry that is there was changed. But no checkpoint vouches for the last ones, or for any: whoever can write the " +
		"record could have cut off its end, or written that part anew."},
	{"plain", "Not verified", "This server has not verified the record since it began. Nothing is known to be wrong; nobody has looked."},
	{"bad", "Faulty", "Something is not as it was written. Keep a copy of the data folder and of the checkpoints as they are, and find out who could write there."},
}

// verdictOf is the verdict on what was verified last; entries behind it are new, and told apart.
func verdictOf(r api.Record) verdict {
	switch {
	case len(r.Faults) > 0:
		return verdicts[3]
	case r.VerifiedAt.IsZero():
		return verdicts[2]
	case r.Sealed > 0 && r.Sealed >= r.Verified:
		return verdicts[0]
	}
	return verdicts[1]
}

// recordView is one record on the page.
type recordView struct {
	api.Record
	verdict
	Title   string
	Running bool
	Fresh   int64 // entries that are newer than the verification
	Verify  *page.Confirm
}

func (v *visit) recordView(r api.Record, form *page.Form) recordView {
	view := recordView{Record: r, verdict: verdictOf(r), Title: "Changes of the register", Running: r.State == api.RecordStateRunning}
	if r.Kind == api.RecordKindDecisions {
		view.Title = "Decisions"
		if r.Name != string(api.RecordKindDecisions) {
			view.Title += ": " + r.Name
		}
	}
	if !r.VerifiedAt.IsZero() {
		view.Fresh = max(0, r.Lines-r.Verified)
	}
	if len(r.Faults) > 0 {
		view.Fresh = 0
	}
	if v.may("records.export", "") {
		view.Verify = &page.Confirm{Form: form, Action: page.Path(auditPath+"/records", r.Name), Button: "Verify now", Label: "Verify now: " + view.Title, Quiet: true}
	}
	return view
}

// auditPage is how it stands with all records.
type auditPage struct {
	Records []recordView
	Words   []verdict
	Now     time.Time
}

// auditRecords tells how far both records were verified, and what that proves.
func (v *visit) auditRecords(w http.ResponseWriter, r *http.Request) {
	records, err := v.api.RecordList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := auditPage{Words: verdicts, Now: v.s.cfg.Now().UTC()}
	for _, one := range records.Value.Items {
		form, err := v.form()
		if err != nil {
			v.fail(w, r, err)
			return
		}
		data.Records = append(data.Records, v.recordView(one, form))
	}
	v.show(w, r, "audit", page.View{Title: "Audit", Section: "audit", Tabs: v.auditTabs(auditPath), Data: data,
		Lead: "Two records say what happened. Each entry is chained to the one before it, so that nobody changes one quietly."})
}

// auditVerify has a record verified from its first line.
func (v *visit) auditVerify(w http.ResponseWriter, r *http.Request) {
	if _, ok := v.read(w, r); !ok {
		return
	}
	if _, err := v.api.RecordVerify(r.Context(), r.PathValue("record")); err != nil {
		v.fail(w, r, err)
		return
	}
	v.done(w, r, auditPath, "verifying")
}
