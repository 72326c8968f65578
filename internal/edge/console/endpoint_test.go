package console_test

import (
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// TestASigningKeyIsShownOnce: in the answer to the first press alone, and nowhere afterwards.
func TestASigningKeyIsShownOnce(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	show, path := "/console/partners/"+id, "/console/partners/"+id+"/endpoints/new"
	form := w.get("operator", path).want(http.StatusOK).form(path).set("environment", "sandbox", "url", "https://acme.example.com/hooks",
		"events", "credential.rotated, credential.revoked")
	first := form.submit().want(http.StatusOK).says("It is shown only now")
	key := secretOf(first)
	if !strings.HasPrefix(key, "whsec_") || first.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("the answer shows %q with %v", key, first.Header())
	}
	form.submit().want(http.StatusOK).says("shown already").silent(key)
	w.get("operator", show).says("acme.example.com/hooks", "not proved", "Deliveries come later").silent(key)
	endpoints, err := w.Endpoints(ctx, registry.EndpointFilter{PartnerID: id})
	if err != nil || len(endpoints) != 1 {
		t.Fatalf("%d endpoints for one form, %v", len(endpoints), err)
	}
	at := show + "/endpoints/" + endpoints[0].ID
	rotate := w.get("operator", at+"/rotate").want(http.StatusOK).form(at + "/rotate")
	second := secretOf(rotate.submit().want(http.StatusOK))
	if !strings.HasPrefix(second, "whsec_") || second == key {
		t.Errorf("the new key is %q", second)
	}
	rotate.submit().want(http.StatusOK).says("shown already").silent(second)
	for _, secret := range []string{key, second} {
		if strings.Contains(w.log.String(), secret) {
			t.Error("a key is in the log")
		}
		rows, err := w.Changes(ctx, 0, 0)
		w.must(err)
		for _, row := range rows {
			if strings.Contains(row.Detail+row.Subject, secret) {
				t.Error("a key is in the record")
			}
		}
	}
}

// secretOf is what the page shows to be copied; empty: nothing.
func secretOf(s *shown) string {
	for _, n := range s.nodes("textarea") {
		if hasAttr(n, "readonly") {
			return strings.TrimSpace(rawText(n))
		}
	}
	return ""
}

// TestAnEndpointIsProvedDisabledAndRemoved.
func TestAnEndpointIsProvedDisabledAndRemoved(t *testing.T) {
	w := newWorld(t)
	id, other := w.admitted("Acme", "sandbox"), w.admitted("Umbrella", "sandbox")
	path := "/console/partners/" + id + "/endpoints/new"
	w.get("operator", path).form(path).set("environment", "sandbox", "url", "http://acme.example.com/").submit().want(http.StatusUnprocessableEntity)
	w.get("operator", path).form(path).set("environment", "sandbox", "url", "https://acme.example.com/hooks").submit().want(http.StatusOK)
	endpoints, err := w.Endpoints(ctx, registry.EndpointFilter{PartnerID: id})
	w.must(err)
	at := "/console/partners/" + id + "/endpoints/" + endpoints[0].ID
	step := func(name string, pairs ...string) *shown {
		t.Helper()
		return w.get("operator", at+"/"+name).want(http.StatusOK).form(at + "/" + name).set(pairs...).submit()
	}
	w.hooks.result = partner.HandshakeTimeout
	step("verify").followed().says("The handshake failed")
	w.hooks.result = partner.HandshakeProved
	step("verify").followed().says("has proved that it holds its signing key", "verified", "proved")
	step("disable").followed().says("Nothing is sent to the endpoint any more", "disabled")
	w.get("operator", "/console/partners/"+other+"/endpoints/"+endpoints[0].ID+"/remove").want(http.StatusNotFound)
	form := w.get("operator", at+"/remove").form(at + "/remove")
	form.submit().want(http.StatusUnprocessableEntity).says("Tick this box")
	form.set("confirmed", "yes")
	form.submit().followed().says("The endpoint is taken away")
	form.submit().followed().says("no such endpoint any more")
	if rows := w.rows(audit.EndpointRemoved); len(rows) != 1 {
		t.Errorf("%d rows for one change", len(rows))
	}
}
