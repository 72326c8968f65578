package admin_test

import (
	"net/http"
	"testing"

	"countersign.dev/api"
)

// TestARevokedCredentialHasNoLiveVersion: whoever reads its versions alone is not told otherwise.
func TestARevokedCredentialHasNoLiveVersion(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("Acme", "sandbox")
	var made api.CredentialIssued
	w.send("operator", "POST", "/v1/partners/"+p+"/credentials", api.CredentialIssue{Environment: "sandbox", Kind: api.CredentialKindSigningKey}).want(http.StatusCreated, &made)
	if !made.Credential.Versions[0].Live {
		t.Fatalf("it was never live: %+v", made.Credential)
	}
	w.send("operator", "POST", "/v1/credentials/"+made.Credential.ID+"/revoke", api.Act{Reason: "leaked"}).want(http.StatusOK)
	var shown api.Credential
	w.send("viewer", "GET", "/v1/credentials/"+made.Credential.ID, nil).want(http.StatusOK, &shown)
	if shown.State != api.CredentialStateRevoked || shown.Versions[0].Live {
		t.Errorf("revoked: %+v", shown)
	}
}
