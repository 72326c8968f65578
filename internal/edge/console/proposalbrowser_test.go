package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/browsertest"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// inBrowser serves the console to a real browser, in somebody's name.
func (w *world) inBrowser(t *testing.T, who string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		r.Host = "admin.example.com"
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
		if r.Header.Get("Origin") != "" {
			r.Header.Set("Origin", "http://admin.example.com")
		}
		w.console.ServeHTTP(out, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// lively is a world in which something of each kind waits, under a name that a stranger chose.
func lively(t *testing.T) (w *world, paths map[string]string) {
	w = newWorld(t)
	id := w.admitted(`Example Bank <script>alert("x")</script> `+strings.Repeat("Donaudampfschifffahrt", 4), "sandbox",
		"production")
	k := w.issued(id, "sandbox", partner.SigningKey).Credential
	app := w.issued(id, "production", partner.App).Credential
	for i := range 30 {
		w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: k.ID, Version: 1 + i%2, Proved: true,
			Address: netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ffff:ff01")},
			audit.Decision{Environment: "production", Partner: id, Credential: app.ID, Version: 1, Proved: true})
	}
	_, err := w.Rotate(ctx, alice, k.ID, w.clock.now().Add(72*time.Hour))
	w.must(err)
	_, err = w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: "sandbox",
		Prefix: netip.MustParsePrefix("203.0.113.0/24"), Note: "head office"})
	w.must(err)
	p := w.asks("operator", registry.OpLimitSet, id, "production", registry.LimitSet{API: "card", Rate: 1, PerSeconds: 3600,
		Burst: 1, Daily: 20})
	w.get("approver", "/console/proposals/"+p.ID).form("/console/proposals/"+p.ID+"/what-if").set("last", "720h").submit()
	w.get("approver", "/console/proposals/"+p.ID).form("/console/proposals/"+p.ID+"/comment").set("text",
		"Did they agree to this?\nAsk first.").submit()
	_, err = w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "carol@example.com", Name: "Carol",
		Roles: []operator.Role{operator.Viewer}, Environments: []string{"sandbox"}})
	w.must(err)
	carol, err := w.Account(ctx, "carol@example.com")
	w.must(err)
	service, _, err := w.CreateService(ctx, alice, registry.ServiceCreate{Name: "ci", Roles: []operator.Role{operator.Operator},
		NotAfter: w.clock.now().Add(90 * 24 * time.Hour)})
	w.must(err)
	_, _, err = w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "safe-room-4"})
	w.must(err)
	w.nodes = []admin.Node{{Name: "node-1", Environment: "sandbox", Revision: 3, At: w.clock.now()}, {Name: "node-2",
		Environment: "production", Revision: 20, At: w.clock.now()}}
	here := "/console/credentials/" + k.ID
	return w, map[string]string{"changes": "/console/proposals", "change": "/console/proposals/" + p.ID,
		"change-edit": "/console/proposals/" + p.ID + "/edit", "what-if": "/console/what-if?environment=sandbox&partner=" + id,
		"credential": here, "credential-new": "/console/partners/" + id + "/credentials/new", "rotate": here + "/rotate",
		"rotation": here + "/rotation", "revoke": here + "/revoke",
		"schedule": here + "/schedule", "client-keys": here + "/client-keys", "settings": "/console/settings",
		"accounts": "/console/accounts", "account": "/console/accounts/" + carol.ID,
		"account-new": "/console/accounts/new", "services": "/console/service-accounts",
		"service": "/console/service-accounts/" + service.ID, "service-new": "/console/service-accounts/new",
		"break-glass-new": "/console/settings/break-glass/new", "break-glass": "/console/settings/break-glass",
		"approvals": "/console/settings/approvals", "approvals-change": "/console/settings/approvals/change",
		"sealing":      "/console/settings/sealing-keys",
		"sealing-drop": "/console/settings/sealing-keys/production/drop", "nodes": "/console/nodes",
		"apply": "/console/settings/apply", "me": "/console/me", "sources": "/console/settings/webhook-sources"}
}

// TestChangesAndSettingsInABrowser: what WCAG asks of each page, with a name that a stranger chose, and pictures for a person's
// eye.
func TestChangesAndSettingsInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	w, paths := lively(t)
	all := operator.Permissions()
	w.people["everything"] = operator.Principal{Kind: operator.KindAccount, ID: "opr_everything", Name: "olga@example.com",
		Roles: operator.Roles(), Permissions: all,
		ExpiresAt: w.clock.now().Add(10 * time.Hour), SessionID: "ses_everything"}
	s := w.inBrowser(t, "everything")
	for _, name := range sortedNames(paths) {
		tab := b.Page("")
		if status := tab.Go(s.URL + paths[name]); status != 200 {
			t.Errorf("%s: %d", name, status)
			continue
		}
		tab.Accessible(t)
		tab.Screenshot(name, 1280, false)
		tab.Screenshot(name, 390, true)
	}
}

// A secret is shown by the answer of a form alone: with scripts there is a copy button, without there is the text.
func TestRule33ASecretInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	w, paths := lively(t)
	s := w.inBrowser(t, "operator")
	for _, scripts := range []bool{true, false} {
		tab := b.Page("")
		tab.Scripts(scripts)
		tab.Go(s.URL + paths["credential-new"])
		var chosen string
		tab.Eval(`document.querySelector("[name=environment]").value = "sandbox"`, &chosen)
		tab.Click(`input[value="signing_key"]`)
		if status := tab.Submit("main form button[type=submit]"); status != 200 {
			t.Fatalf("%d: %s", status, tab.Text("main"))
		}
		if scripts { // what asks the page about the keyboard is a script
			tab.Accessible(t)
			tab.Screenshot("secret", 1280, false)
			tab.Screenshot("secret", 390, true)
		}
		var value string
		var copies bool
		tab.Eval(`document.querySelector("[data-secret] textarea").value`, &value)
		tab.Eval(`document.querySelector("[data-copy]").offsetParent !== null`, &copies)
		if len(value) < 32 || copies != scripts {
			t.Errorf("scripts %v: a secret of %d characters, a copy button: %v", scripts, len(value), copies)
		}
		if strings.Contains(tab.URL(), value) {
			t.Error("the secret is in the address")
		}
		w.nowhere(value)
		if scripts { // a browser may keep a page that was left, for the way back to it
			tab.Eval(`dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }))`, new(bool))
			tab.Eval(`document.querySelector("[data-secret] textarea").value + document.querySelector("[data-secret]").textContent`, &chosen)
			if strings.Contains(chosen, value) {
				t.Error("the secret is in a page that was left")
			}
		}
	}
}

func sortedNames(m map[string]string) (names []string) {
	for name := range m {
		i := 0
		for i < len(names) && names[i] < name {
			i++
		}
		names = append(names[:i], append([]string{name}, names[i:]...)...)
	}
	return names
}
