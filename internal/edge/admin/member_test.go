package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
)

// TestMembersAreInvitedListedAndShutOut: the life of a member as operators see it; the link is shown once.
func TestMembersAreInvitedListedAndShutOut(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) {
		c.Link = func(token string) string { return "https://admin.example.com/sign-in/link#" + token }
		c.MemberLink = func(token string) string { return "https://portal.example.com/sign-in/link#" + token }
	})
	id, other := w.admitted("Acme", "sandbox"), w.admitted("Bolt")
	at := "/v1/partners/" + id + "/members"
	var made, shut api.MemberChanged
	a := w.send("operator", "POST", at, api.MemberInvite{Login: "Eve@Acme.example", Name: "Eve", Reason: "ticket 4711"}, "Idempotency-Key", "k").want(http.StatusCreated, &made)
	if !strings.HasPrefix(made.Link, "https://portal.example.com/sign-in/link#csml_") || made.LinkUntil.IsZero() || a.Header().Get("Countersign-Revision") == "" ||
		made.Member.Login != "eve@acme.example" || made.Member.PartnerID != id || made.Member.State != api.MemberStateInvited || a.Header().Get("ETag") != `"`+made.Member.Etag+`"` {
		t.Errorf("%+v with %v", made, a.Header())
	}
	var again api.MemberChanged
	w.send("operator", "POST", at, api.MemberInvite{Login: "Eve@Acme.example", Name: "Eve", Reason: "ticket 4711"}, "Idempotency-Key", "k").want(http.StatusCreated, &again)
	if !again.Repeated || again.Link != "" || again.Member.ID != made.Member.ID {
		t.Errorf("a repeated invitation: %+v", again)
	}
	var page api.MemberPage
	if body := w.send("viewer", "GET", at, nil).want(http.StatusOK, &page).Body.String(); len(page.Items) != 1 || strings.Contains(body, "csml_") {
		t.Errorf("%s", body)
	}
	one := at + "/" + made.Member.ID
	w.send("operator", "POST", one+"/disable", api.Act{Reason: "left"}, "If-Match", `"`+strings.Repeat("0", 63)+`1"`).refused(api.Stale)
	w.send("operator", "POST", one+"/disable", api.Act{Reason: "left"}, "If-Match", `"`+made.Member.Etag+`"`).want(http.StatusOK, &shut)
	if shut.Member.State != api.MemberStateDisabled || shut.Link != "" {
		t.Errorf("%+v", shut)
	}
	w.send("operator", "POST", one+"/disable", api.Act{}).refused(api.Conflict)
	w.send("operator", "POST", one+"/invite", api.Act{}).refused(api.Conflict)
	w.send("operator", "POST", one+"/enable", api.Act{}).want(http.StatusOK, &made)
	w.send("operator", "POST", one+"/invite", api.Act{}).want(http.StatusOK, &made)
	if !strings.Contains(made.Link, "#csml_") {
		t.Errorf("%+v", made)
	}
	// Of another partner, and of none: alike.
	for _, path := range []string{"/v1/partners/" + other + "/members/" + made.Member.ID + "/disable", at + "/mbr_nobody/disable"} {
		w.send("operator", "POST", path, api.Act{}).refused(api.NotFound)
	}
	w.send("viewer", "GET", "/v1/partners/ptn_nobody/members", nil).refused(api.NotFound)
	w.send("operator", "POST", "/v1/partners/ptn_nobody/members", api.MemberInvite{Login: "x@acme.example"}).refused(api.NotFound)
	w.send("operator", "POST", at, api.MemberInvite{Login: "eve"}).refused(api.Invalid)
	w.send("operator", "POST", at, api.MemberInvite{Login: "eve@acme.example"}).refused(api.Conflict)
	if rows := w.rows(audit.MemberInvited); len(rows) != 2 || strings.Contains(rows[0].Detail, "csml_") || !strings.Contains(rows[0].Detail, "ticket 4711") {
		t.Errorf("%+v", rows)
	}
	if strings.Contains(w.log.String(), "csml_") {
		t.Error("the log holds a link")
	}
}

// TestAMemberIsNotSignedInHere: a person of a partner is nobody at the operators' plane, whatever says who it is.
func TestAMemberIsNotSignedInHere(t *testing.T) {
	w, ids := populated(t)
	w.people["member"] = operator.Principal{Kind: operator.KindMember, ID: "mbr_x", Name: "eve@acme.example", PartnerID: ids["partner"],
		Permissions: operator.Permissions(), Roles: operator.Roles(), ExpiresAt: w.clock.now().Add(1), SessionID: "ses_x"}
	for _, s := range w.shapes() {
		var body any
		if b := s.body(); b != nil {
			body = b
		}
		a := w.send("member", s.method, s.target(ids)+s.query(), body, s.headers("*")...)
		if a.Code == http.StatusTooManyRequests { // strangers are held up after so many
			w.clock.pass(2 * 60 * 1e9)
			a = w.send("member", s.method, s.target(ids)+s.query(), body, s.headers("*")...)
		}
		if p := problemOf(a); a.Code != http.StatusUnauthorized {
			t.Errorf("%s by a member: %d %+v", s.id, a.Code, p)
		}
	}
}

// TestWhoIsConfinedInvitesNobody: a member acts in every environment of its partner, and so does whoever lets one in.
func TestWhoIsConfinedInvitesNobody(t *testing.T) {
	w, ids := populated(t)
	at := "/v1/partners/" + ids["partner"] + "/members"
	w.send("sandbox", "POST", at, api.MemberInvite{Login: "x@acme.example"}).refused(api.Forbidden)
	for _, verb := range []string{"disable", "enable", "invite"} {
		w.send("sandbox", "POST", at+"/"+ids["member"]+"/"+verb, api.Act{}).refused(api.Forbidden)
	}
	w.send("glass", "POST", at, api.MemberInvite{Login: "x@acme.example"}).refused(api.Forbidden)
	if rows := w.rows(audit.AttemptRefused); len(rows) != 5 {
		t.Errorf("%d rows of refused attempts", len(rows))
	}
}

// TestACommentIsForThePartnerWhereItSaysSo: unless it does, a comment on a review is for operators alone.
func TestACommentIsForThePartnerWhereItSaysSo(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	review := "/v1/partners/" + id + "/reviews/sandbox/comments"
	var done api.CommentChanged
	w.send("operator", "POST", review, api.Comment{Text: "between us"}).want(http.StatusCreated, &done)
	if done.Comment.Shared {
		t.Errorf("%+v", done.Comment)
	}
	w.send("operator", "POST", review, api.Comment{Text: "please send the report", Shared: true}).want(http.StatusCreated, &done)
	if !done.Comment.Shared {
		t.Errorf("%+v", done.Comment)
	}
	v, err := w.MemberView(ctx, id)
	w.must(err)
	for _, r := range v.Reviews {
		if r.Environment == "sandbox" && (len(r.Comments) != 1 || r.Comments[0].Text != "please send the report") {
			t.Errorf("%+v", r.Comments)
		}
	}
}
