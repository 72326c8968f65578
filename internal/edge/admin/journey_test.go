package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// TestOnePartnerIsReviewedByTwoPeople: from the first question to a secret, through the API alone.
func TestOnePartnerIsReviewedByTwoPeople(t *testing.T) {
	w := newWorld(t)
	var made api.PartnerChanged
	a := w.send("operator", "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}).want(http.StatusCreated, &made)
	if a.Header().Get("Location") != "/v1/partners/"+made.Partner.ID || a.Header().Get("Countersign-Revision") == "" || a.Header().Get("ETag") != `"`+made.Partner.Etag+`"` {
		t.Errorf("headers of a change: %v", a.Header())
	}
	review := "/v1/partners/" + made.Partner.ID + "/reviews/sandbox"
	var file api.ReviewChanged
	w.send("operator", "POST", review+"/request", api.Act{Reason: "they asked"}).want(http.StatusOK, &file)
	w.send("operator", "POST", review+"/start", api.Act{}).want(http.StatusOK, &file)
	w.send("approver", "POST", review+"/approve", api.ReviewApprove{Digest: file.Review.Digest}).refused(api.Conflict)

	w.send("operator", "PUT", review+"/checklist/security", api.ReviewCheck{Done: true, Note: "looked at"}).refused(api.PreconditionRequired)
	seen := file.Review.Digest
	w.send("operator", "PUT", review+"/checklist/security", api.ReviewCheck{Done: true}, "If-Match", `"`+file.Review.Etag+`"`).want(http.StatusOK, &file)
	w.send("approver", "POST", review+"/approve", api.ReviewApprove{Digest: seen}).refused(api.Stale)
	var evidence api.EvidenceChanged
	w.send("operator", "POST", review+"/evidence", api.EvidenceLink{URL: "https://example.com/report", Name: "report"}).want(http.StatusCreated, &evidence)
	w.send("operator", "POST", review+"/evidence?name=report.txt&item=security", []byte("a report\n")).want(http.StatusCreated, &evidence)
	content := w.send("viewer", "GET", review+"/evidence/"+evidence.Evidence.ID+"/content", nil).want(http.StatusOK)
	if content.Body.String() != "a report\n" || !strings.HasPrefix(content.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("the content of evidence: %q with %v", content.Body, content.Header())
	}
	w.send("operator", "PUT", review+"/checklist/security", api.ReviewCheck{Done: true}, "If-Match", "*").want(http.StatusOK)
	w.send("approver", "POST", review+"/comments", api.Comment{Text: "looks good\nto me"}).want(http.StatusCreated)
	var whole api.ReviewFile
	w.send("approver", "GET", review, nil).want(http.StatusOK, &whole)
	w.send("both", "POST", review+"/approve", api.ReviewApprove{Digest: whole.Digest, Reason: "fine"}).want(http.StatusOK, &file)
	if file.Review.Review.State != api.ReviewStateApproved || file.Review.Review.ApprovedBy != "operator:both@example.com" {
		t.Errorf("the review after its approval: %+v", file.Review.Review)
	}
	var issued api.CredentialIssued
	w.send("operator", "POST", "/v1/partners/"+made.Partner.ID+"/credentials", api.CredentialIssue{Environment: "sandbox", Kind: api.CredentialKindSigningKey}).
		want(http.StatusCreated, &issued)
	if issued.Secret == "" || issued.KeyID == "" || issued.Credential.State != api.CredentialStateLive {
		t.Errorf("an issued credential: %+v", issued)
	}
	if body := w.send("admin", "GET", "/v1/credentials/"+issued.Credential.ID, nil).want(http.StatusOK).Body.String(); strings.Contains(body, issued.Secret) {
		t.Error("the secret is shown again")
	}
	if strings.Contains(w.log.String(), issued.Secret) || strings.Contains(w.log.String(), "Bearer") {
		t.Error("the log holds a secret")
	}
}

// TestWhoAskedForAReviewDoesNotApproveIt: four eyes hold for a person with both roles.
func TestWhoAskedForAReviewDoesNotApproveIt(t *testing.T) {
	w := newWorld(t)
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	review := "/v1/partners/" + p.ID + "/reviews/sandbox"
	var file api.ReviewChanged
	w.send("both", "POST", review+"/request", api.Act{}).want(http.StatusOK, &file)
	w.send("both", "PUT", review+"/checklist/security", api.ReviewCheck{Done: true}, "If-Match", `"`+file.Review.Etag+`"`).want(http.StatusOK, &file)
	w.send("both", "POST", review+"/approve", api.ReviewApprove{Digest: file.Review.Digest}).refused(api.FourEyes)
}

// TestAChangeOfProductionWaitsForASecondPerson: asked, replayed, approved by digest, applied.
func TestAChangeOfProductionWaitsForASecondPerson(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	networks := "/v1/partners/" + id + "/networks"
	var waits api.Proposal
	a := w.send("operator", "POST", networks, api.NetworkAllow{Environment: "production", Prefix: "203.0.113.0/24"}).want(http.StatusAccepted, &waits)
	if a.Header().Get("Location") != "/v1/proposals/"+waits.ID || waits.State != api.ProposalStateOpen || waits.Needed != 1 {
		t.Errorf("a waiting change: %v %+v", a.Header(), waits)
	}
	proposal := "/v1/proposals/" + waits.ID
	var shown api.Proposal
	w.send("approver", "GET", proposal, nil).want(http.StatusOK, &shown)
	if shown.WhatIf.Stale || shown.WhatIf.Report.Proposed.PartnerID != id {
		t.Errorf("nobody replayed the proposal before it is looked at: %+v", shown.WhatIf)
	}
	w.send("operator", "POST", proposal+"/approve", api.ProposalApprove{Digest: waits.Digest}).refused(api.Forbidden)
	var done api.ProposalChanged
	w.send("approver", "POST", proposal+"/what-if", api.ProposalWhatIf{}).want(http.StatusOK, &done)
	if done.Proposal.WhatIf.Report.Proposed.PartnerID != id || done.Proposal.WhatIf.Stale {
		t.Errorf("the report of the proposal: %+v", done.Proposal.WhatIf)
	}
	w.send("approver", "POST", proposal+"/comments", api.Comment{Text: "why so wide?"}).want(http.StatusCreated, &done)
	w.send("other", "PATCH", proposal, `{"params":{"prefix":"203.0.113.0/25"}}`, "If-Match", `"`+done.Proposal.Etag+`"`).want(http.StatusOK, &done)
	if r := done.Proposal.WhatIf; r.Stale || len(r.Report.Proposed.AddNetworks) != 1 || r.Report.Proposed.AddNetworks[0].Prefix != "203.0.113.0/25" {
		t.Errorf("what was edited is not replayed anew: %+v", done.Proposal.WhatIf)
	}
	w.send("approver", "POST", proposal+"/approve", api.ProposalApprove{Digest: waits.Digest}).refused(api.Stale)
	w.send("approver", "POST", proposal+"/approve", api.ProposalApprove{Digest: done.Proposal.Digest}).want(http.StatusOK, &done)
	if !done.Applied || done.Network.Prefix != "203.0.113.0/25" {
		t.Errorf("an applied proposal: %+v", done)
	}
	var page api.NetworkPage
	w.send("viewer", "GET", networks, nil).want(http.StatusOK, &page)
	if len(page.Items) != 1 {
		t.Errorf("the rules afterwards: %+v", page)
	}
}

// TestTheApproverNeverSeesASecret: whoever asked applies the change, and alone sees what comes of it.
func TestTheApproverNeverSeesASecret(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	var waits api.Proposal
	w.send("operator", "POST", "/v1/partners/"+id+"/credentials", api.CredentialIssue{Environment: "production", Kind: api.CredentialKindApp}).
		want(http.StatusAccepted, &waits)
	proposal := "/v1/proposals/" + waits.ID
	var done api.ProposalChanged
	w.send("approver", "POST", proposal+"/approve", api.ProposalApprove{Digest: waits.Digest}).want(http.StatusOK, &done)
	if done.Applied || done.Secret != "" || done.Proposal.State != api.ProposalStateApproved {
		t.Errorf("the approver's answer: %+v", done)
	}
	w.send("other", "POST", proposal+"/apply", api.Act{}).refused(api.Forbidden)
	w.send("operator", "POST", proposal+"/apply", api.Act{}).want(http.StatusOK, &done)
	if !done.Applied || done.Secret == "" || done.KeyID == "" || done.Login == "" {
		t.Errorf("the requester's answer: %+v", done)
	}
}

// TestAnEndpointIsVerifiedByAHandshake: and nobody can claim what it proved.
func TestAnEndpointIsVerifiedByAHandshake(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	var made api.EndpointChanged
	w.send("operator", "POST", "/v1/partners/"+id+"/endpoints", api.EndpointAdd{Environment: "sandbox", URL: "https://acme.example.com/hook"}).
		want(http.StatusCreated, &made)
	if !strings.HasPrefix(made.Secret, "whsec_") || made.Endpoint.State != api.EndpointStatePending {
		t.Errorf("a new endpoint: %+v", made)
	}
	at := "/v1/endpoints/" + made.Endpoint.ID
	w.hooks.result = partner.HandshakeWrongProof
	w.send("operator", "POST", at+"/verify", api.Act{}).want(http.StatusOK, &made)
	if made.Endpoint.State != api.EndpointStatePending || made.Endpoint.Handshake.Result != "wrong_proof" {
		t.Errorf("after a wrong proof: %+v", made.Endpoint)
	}
	w.send("operator", "POST", at+"/verify", `{"reason":"","result":"proved"}`).refused(api.Invalid)
	w.hooks.result = partner.HandshakeProved
	w.send("operator", "POST", at+"/verify", api.Act{}).want(http.StatusOK, &made)
	if made.Endpoint.State != api.EndpointStateVerified {
		t.Errorf("after a proof: %+v", made.Endpoint)
	}
	var rotated api.EndpointChanged
	w.send("operator", "POST", at+"/rotate-key", api.EndpointRotate{OverlapUntil: w.clock.now().Add(time.Hour)}).want(http.StatusOK, &rotated)
	if rotated.Secret == "" || len(rotated.Endpoint.Keys) != 2 {
		t.Errorf("a rotated key: %+v", rotated)
	}
	w.send("operator", "POST", at+"/disable", api.Act{}).want(http.StatusOK)
	w.send("operator", "DELETE", at, nil).refused(api.PreconditionRequired)
	w.send("operator", "DELETE", at, nil, "If-Match", "*").want(http.StatusOK)
	w.send("viewer", "GET", at, nil).refused(api.NotFound)
	if len(w.rows(audit.EndpointFailed)) != 1 || len(w.rows(audit.EndpointVerified)) != 1 {
		t.Error("the handshakes are not in the record")
	}
}
