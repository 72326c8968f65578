package console_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// asked is a partner with a review that was asked for by alice.
func (w *world) asked(name string) (id, path string) {
	w.Helper()
	id = w.admitted(name)
	w.must(w.RequestReview(ctx, alice, id, "sandbox", "they want to begin"))
	return id, "/console/partners/" + id + "/reviews/sandbox"
}

// state is where a review stands.
func (w *world) state(id, environment string) partner.ReviewState {
	w.Helper()
	file, err := w.ReviewFile(ctx, id, environment)
	if err != nil {
		return ""
	}
	return file.Review.State
}

// TestAReviewFromItsRequestToItsEnd goes the whole way through pages: with the checklist, evidence and comments, and with two persons.
func TestAReviewFromItsRequestToItsEnd(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme")
	show, at := "/console/partners/"+id, "/console/partners/"+id+"/reviews/sandbox"
	step := func(who, name string, pairs ...string) *shown {
		t.Helper()
		return w.get(who, at+"/"+name).want(http.StatusOK).form(at + "/" + name).set(pairs...).submit()
	}
	w.get("operator", show).says("Nobody has asked for this environment yet", "It comes after sandbox")
	step("operator", "request", "reason", "go").followed().says("The review is asked for", "requested",
		"It can be approved once this is done: Security review")
	step("operator", "start").followed().says("taken up by operator@example.com")
	w.get("operator", show).form(at+"/checklist/security").submit().followed().says("The checklist is changed", "checked by operator@example.com")
	step("both", "comments", "text", "line one\nline <b>two</b>").followed().says("Your comment is added", "line <b>two</b>").inert("<b>two")
	if page := w.get("operator", show); page.linked(at + "/approve") {
		t.Error("an operator is offered the approval")
	}
	approved := step("approver", "approve", "reason", "all good").followed().says("The review is approved", "approved by approver@example.com")
	if approved.linked(at + "/approve") {
		t.Error("it can be approved twice")
	}
	step("approver", "suspend", "reason", "odd traffic", "confirmed", "yes").followed().says("suspended here", "odd traffic")
	step("operator", "resume").followed().says("let in again")
	step("operator", "withdraw", "confirmed", "yes").followed().says("taken back", "Ask for a review")
	step("operator", "request").followed()
	step("operator", "close").followed().says("closed for good")
	if w.state(id, "sandbox") != partner.ReviewClosed {
		t.Errorf("it ended as %q", w.state(id, "sandbox"))
	}
	for _, action := range []audit.Action{audit.ReviewRequested, audit.ReviewStarted, audit.ReviewChecked, audit.ReviewApproved,
		audit.ReviewSuspended, audit.ReviewResumed, audit.ReviewWithdrawn, audit.ReviewClosed, audit.CommentAdded} {
		if len(w.rows(action)) == 0 {
			t.Errorf("no row of %s", action)
		}
	}
}

// TestWhoAskedDoesNotApprove: not offered, and not done when sent all the same.
func TestWhoAskedDoesNotApprove(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme")
	at := "/console/partners/" + id + "/reviews/sandbox"
	w.get("both", at+"/request").form(at + "/request").submit().followed()
	w.get("both", "/console/partners/"+id).form(at + "/checklist/security").submit().followed().says("You have asked for it: somebody else approves it")
	w.get("both", at+"/approve").want(http.StatusOK).says("You have asked for it")
	form := w.get("second", at+"/approve").form(at + "/approve")
	form.submitAs("both").want(http.StatusForbidden).says("A second person must do this")
	form.submitAs("viewer").want(http.StatusForbidden).says("reviews.approve")
	form.submit().followed().says("approved")
}

// TestAnApprovalBindsWhatWasShown: an edited file is shown as it is now, and nothing is approved.
func TestAnApprovalBindsWhatWasShown(t *testing.T) {
	w := newWorld(t)
	id, at := w.asked("Acme")
	w.get("operator", "/console/partners/"+id).form(at + "/checklist/security").submit().followed()
	form := w.get("approver", at+"/approve").want(http.StatusOK).form(at + "/approve")
	link := w.get("operator", at+"/evidence").form(at + "/evidence/link")
	link.set("url", "https://acme.example.com/later", "name", "Added later", "item", "policy").submit().followed().says("The evidence is added")
	again := form.set("reason", "all good").submit().want(http.StatusPreconditionFailed).says("has changed since you looked", "Added later")
	if w.state(id, "sandbox") == partner.ReviewApproved {
		t.Fatal("what nobody looked at was approved")
	}
	fresh := again.form(at + "/approve")
	if fresh.Get("digest") == form.Get("digest") || fresh.Get("reason") != "all good" {
		t.Errorf("the form after it: %v", fresh.Values)
	}
	fresh.submit().followed().says("approved")
}

// TestAStaleItemIsShownAnew, and the same press twice is one.
func TestAStaleItemIsShownAnew(t *testing.T) {
	w := newWorld(t)
	id, at := w.asked("Acme")
	first := w.get("operator", "/console/partners/"+id).form(at + "/checklist/security")
	second := w.get("other", at+"/checklist/security").form(at+"/checklist/security").set("done", "yes", "note", "seen by the other one")
	first.submit().followed().says("The checklist is changed")
	first.submit().followed().says("The checklist is changed")
	if rows := w.rows(audit.ReviewChecked); len(rows) != 1 {
		t.Errorf("%d rows for one press", len(rows))
	}
	again := second.submit().want(http.StatusPreconditionFailed).says("Somebody changed this")
	if kept := again.form(at + "/checklist/security"); kept.Get("note") != "seen by the other one" || kept.Get("done") != "yes" {
		t.Errorf("what was typed is lost: %v", kept.Values)
	}
	again.form(at + "/checklist/security").submit().followed().says("seen by the other one")
	w.get("operator", at+"/checklist/no-such-item").want(http.StatusNotFound)
}

const pdf = "%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n"

// TestAFileOfEvidence goes up and comes down as it was, as an attachment that no browser shows.
func TestAFileOfEvidence(t *testing.T) {
	w := newWorld(t)
	id, at := w.asked("Acme")
	form := w.get("operator", at+"/evidence?item=report").want(http.StatusOK).form(at + "/evidence/file")
	if form.Get("item") != "report" {
		t.Errorf("the form begins with %v", form.Values)
	}
	form.set("note", "from October").attach("file", `re"port<script>.pdf`, []byte(pdf))
	for range 2 {
		form.submit().followed().says("The evidence is added", "from October", "application/pdf").inert("<script>.pdf")
	}
	file, err := w.ReviewFile(ctx, id, "sandbox")
	w.must(err)
	if len(file.Evidence) != 1 || file.Evidence[0].Item != "report" {
		t.Fatalf("the file holds %+v", file.Evidence)
	}
	path := at + "/evidence/" + file.Evidence[0].ID + "/content"
	if !w.get("viewer", "/console/partners/"+id).linked(path) {
		t.Error("the file is not linked")
	}
	down := w.get("viewer", path).want(http.StatusOK)
	h := down.Header()
	if down.Body.String() != pdf || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") ||
		h.Get("Content-Type") != "application/octet-stream" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Cache-Control") != "no-store" {
		t.Errorf("it came down as %q with %v", down.Body, h)
	}
	other := w.admitted("Umbrella")
	w.get("viewer", "/console/partners/"+other+"/reviews/sandbox/evidence/"+file.Evidence[0].ID+"/content").want(http.StatusNotFound)
	w.get("", path).want(http.StatusSeeOther)
}

// TestEvidenceThatIsRefused: too long, of no known kind, or none at all; what was typed stays.
func TestEvidenceThatIsRefused(t *testing.T) {
	w := newWorld(t)
	_, at := w.asked("Acme")
	form := func() *form {
		return w.get("operator", at+"/evidence").form(at+"/evidence/file").set("name", "The report", "note", "typed with care")
	}
	stays := func(s *shown) {
		t.Helper()
		if kept := s.form(at + "/evidence/file"); kept.Get("name") != "The report" || kept.Get("note") != "typed with care" {
			t.Errorf("what was typed is lost: %v", kept.Values)
		}
	}
	long := append([]byte(pdf), bytes.Repeat([]byte("x"), 11<<20)...)
	stays(form().attach("file", "long.pdf", long).submit().want(http.StatusRequestEntityTooLarge).says("longer than 10 MiB", "Nothing was attached"))
	stays(form().attach("file", "program.exe", []byte("MZ\x00\x01\x02")).submit().want(http.StatusUnprocessableEntity).says("this file is none of"))
	stays(form().submit().want(http.StatusUnprocessableEntity).says("Choose a file"))
	link := w.get("operator", at+"/evidence").form(at + "/evidence/link")
	for _, bad := range []string{"http://acme.example.com/", "javascript:alert(1)//aaaaaaaa", "https://"} {
		back := link.set("url", bad, "name", "A link").submit().want(http.StatusUnprocessableEntity)
		if back.form(at+"/evidence/link").Get("url") != bad {
			t.Errorf("%q is lost", bad)
		}
	}
	if rows := w.rows(audit.EvidenceAdded); len(rows) != 0 {
		t.Errorf("%d pieces were added", len(rows))
	}
}

// TestThePartnerReadsACommentOnlyWhereThatIsSaid: the tick is off until somebody sets it, in both forms, and the page says of each comment
// who reads it.
func TestThePartnerReadsACommentOnlyWhereThatIsSaid(t *testing.T) {
	w := newWorld(t)
	id, at := w.asked("Acme")
	show := "/console/partners/" + id
	for _, from := range []string{show, at + "/comments"} {
		p := w.get("operator", from).want(http.StatusOK).says("The partner reads this", "Without the tick, operators alone read it")
		if f := p.form(at + "/comments"); f.Has("shared") {
			t.Errorf("%s begins with shared=%q", from, f.Get("shared"))
		}
		p.form(at+"/comments").set("text", "among us "+from).submit().followed().says("operators only").silent("the partner reads this")
	}
	w.get("operator", at+"/comments").form(at+"/comments").set("text", "for you as well", "shared", "yes").submit().followed().
		says("operators only", "the partner reads this")
	again := w.get("operator", at+"/comments").form(at+"/comments").set("text", " ", "shared", "yes").submit().want(http.StatusUnprocessableEntity)
	if f := again.form(at + "/comments"); f.Get("shared") != "yes" {
		t.Error("a refused form lost its tick")
	}
	view, err := w.MemberView(ctx, id)
	w.must(err)
	var read []string
	for _, review := range view.Reviews {
		for _, c := range review.Comments {
			read = append(read, review.Environment+": "+c.Text)
		}
	}
	if len(read) != 1 || read[0] != "sandbox: for you as well" {
		t.Errorf("the partner reads %q", read)
	}
}

// TestUploadsThatAreNoForms: without a key, with fields without end, cut off in the midst, or with the file first.
func TestUploadsThatAreNoForms(t *testing.T) {
	w := newWorld(t)
	_, at := w.asked("Acme")
	send := func(kind, body string) *shown {
		r := w.request("operator", "POST", at+"/evidence/file", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		return w.serve(r)
	}
	multi := "multipart/form-data; boundary=b"
	field := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	file := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--b--\r\n"
	for name, answer := range map[string]*shown{
		"no form":       send("text/plain", "hello"),
		"no boundary":   send("multipart/form-data", "hello"),
		"no key":        send(multi, field("name", "x")+file),
		"a bad key":     send(multi, field("idempotency_key", "a b")+file),
		"file first":    send(multi, file),
		"a long field":  send(multi, field("idempotency_key", "k")+field("note", strings.Repeat("x", 9<<10))+file),
		"many fields":   send(multi, field("idempotency_key", "k")+strings.Repeat(field("x", "y"), 40)+file),
		"cut off early": send(multi, field("idempotency_key", "k")+"--b\r\nContent-Disp"),
	} {
		if answer.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, answer.Code, answer.text())
		}
	}
	whole := field("idempotency_key", "k") + field("name", "x") + file
	if cut := send(multi, whole[:len(whole)-12]); cut.Code < 400 {
		t.Errorf("a file that did not arrive whole: %d %s", cut.Code, cut.text())
	}
	if rows := w.rows(audit.EvidenceAdded); len(rows) != 0 {
		t.Errorf("%d pieces were added", len(rows))
	}
	send(multi, whole).followed().says("The evidence is added")
}

// TestASuspensionShowsWhatItCutsOff: before it is done, and only with the box ticked.
func TestASuspensionShowsWhatItCutsOff(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	issued, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: issued.Credential.ID, Version: 1, Proved: true})
	at := "/console/partners/" + id + "/reviews/sandbox/suspend"
	form := w.get("approver", at).want(http.StatusOK).says("1 request was let in that would have been refused", "203.0.113.7").form(at)
	form.submit().want(http.StatusUnprocessableEntity).says("Tick this box", "203.0.113.7")
	if w.state(id, "sandbox") != partner.ReviewApproved {
		t.Fatal("it was suspended without a look")
	}
	form.set("confirmed", "yes").submit().followed().says("suspended")
	form.submit().followed().says("suspended")
	if rows := w.rows(audit.ReviewSuspended); len(rows) != 1 {
		t.Errorf("%d rows for one change", len(rows))
	}
}

// TestReviewsThatWaitAreListed, with those of the visitor's environments alone.
func TestReviewsThatWaitAreListed(t *testing.T) {
	w := newWorld(t)
	id, _ := w.asked("Acme")
	w.admitted("Umbrella", "sandbox")
	page := w.get("viewer", "/console/reviews").want(http.StatusOK).says("Acme", "requested", "0 of 3 done").silent("Umbrella")
	if !page.linked("/console/partners/" + id) {
		t.Error("the row leads nowhere")
	}
	w.get("viewer", "/console/reviews?state=all").says("Umbrella", "approved")
	w.get("viewer", "/console/reviews?state=suspended").says("No such review")
	w.get("viewer", "/console/reviews?"+url.Values{"state": {"<script>"}}.Encode()).want(http.StatusUnprocessableEntity)
}
