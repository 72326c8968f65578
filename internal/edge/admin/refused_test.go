package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
)

// TestRefusedAttemptsAreFoundByTheirPartner: whether the path names it or a row of it, and however long the refusal says why.
func TestRefusedAttemptsAreFoundByTheirPartner(t *testing.T) {
	w := newWorld(t)
	p, other := w.admitted("Acme", "sandbox"), w.admitted("Bolt", "sandbox")
	w.send("viewer", "POST", "/v1/partners/"+p+"/close", api.Act{}).refused(api.Forbidden)
	w.send("viewer", "POST", "/v1/partners/"+p+"/reviews/sandbox/suspend", api.Act{Reason: "of partner=" + other + ")"}).refused(api.Forbidden)
	w.send("operator", "POST", "/v1/partners/"+p+"/networks", map[string]any{"environment": "sandbox", strings.Repeat("x", 900): 1}).refused(api.Invalid)
	w.send("viewer", "POST", "/v1/proposals/prp_aaaaaaaaaaaaaaaaaaaaaaaaaa/apply", api.Act{}).refused(api.NotFound)
	var subjects []string
	for _, row := range w.rows(audit.AttemptRefused) {
		subjects = append(subjects, row.Subject)
	}
	slices.Sort(subjects)
	if want := []string{"network.allow", "partner.close", "proposal.apply", "review.suspend"}; !slices.Equal(subjects, want) {
		t.Errorf("refused were %v, want %v", subjects, want)
	}
	for id, want := range map[string]int{p: 3, other: 0} {
		var page api.ChangePage
		w.send("auditor", "GET", "/v1/changes?action=attempt.refused&partner="+id, nil).want(http.StatusOK, &page)
		if len(page.Items) != want {
			t.Errorf("%d refused attempts about %s, want %d: %+v", len(page.Items), id, want, page.Items)
		}
	}
}

// TestARefusedAttemptAboutARowOfAPartner is found by the partner, though the path does not name it.
func TestARefusedAttemptAboutARowOfAPartner(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("Acme", "sandbox")
	var made api.NetworkChanged
	w.send("operator", "POST", "/v1/partners/"+p+"/networks", api.NetworkAllow{Environment: "sandbox", Prefix: "192.0.2.0/24"}).want(http.StatusCreated, &made)
	w.send("viewer", "DELETE", "/v1/networks/"+made.Network.ID, nil).refused(api.Forbidden)
	var page api.ChangePage
	w.send("auditor", "GET", "/v1/changes?action=attempt.refused&partner="+p, nil).want(http.StatusOK, &page)
	if len(page.Items) != 1 || page.Items[0].Subject != "network.remove" {
		t.Errorf("%+v", page.Items)
	}
}
