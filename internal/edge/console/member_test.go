package console_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestAMemberIsInvitedByALinkThatIsShownOnce, disabled and enabled again.
func TestAMemberIsInvitedByALinkThatIsShownOnce(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	show, path := "/console/partners/"+id, "/console/partners/"+id+"/members/new"
	form := w.get("operator", path).want(http.StatusOK).form(path).set("login", "priya@acme.example.com", "name", "Priya")
	first := form.submit().want(http.StatusOK).says("It is shown only now")
	link := secretOf(first)
	if !strings.HasPrefix(link, "https://portal.example.com/") {
		t.Fatalf("the link is %q", link)
	}
	form.submit().want(http.StatusOK).says("shown already").silent(link)
	page := w.get("operator", show).want(http.StatusOK).says("priya@acme.example.com", "invited").silent(link)
	at := ""
	for href := range page.links() {
		if to, found := strings.CutSuffix(href, "/disable"); found && strings.Contains(to, "/members/") {
			at = to
		}
	}
	if at == "" {
		t.Fatal("nobody can be disabled")
	}
	w.get("operator", at+"/disable").want(http.StatusOK).form(at+"/disable").submit().followed().says("cannot sign in", "disabled")
	w.get("operator", at+"/enable").form(at + "/enable").submit().followed().says("may sign in again")
	again := w.get("operator", at+"/invite").form(at + "/invite")
	second := secretOf(again.submit().want(http.StatusOK))
	if second == "" || second == link {
		t.Errorf("the new link is %q", second)
	}
	again.submit().want(http.StatusOK).says("shown already").silent(second)
	other := w.admitted("Umbrella", "sandbox")
	w.get("operator", strings.Replace(at, id, other, 1)+"/disable").want(http.StatusNotFound)
	w.get("viewer", show).want(http.StatusOK).says("priya@acme.example.com")
	if w.get("viewer", show).linked(path) {
		t.Error("a viewer is offered to invite")
	}
	w.get("operator", path).form(path).set("login", "priya@acme.example.com").submit().want(http.StatusUnprocessableEntity)
	if strings.Contains(w.log.String(), link) || strings.Contains(w.log.String(), second) {
		t.Error("a link is in the log")
	}
}
