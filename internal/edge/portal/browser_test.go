package portal_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/internal/browsertest"
	"countersign.dev/internal/edge/portal"
)

// serve starts the portal on loopback, with a page open in which ann is signed in.
func serve(t *testing.T, w *world, b *browsertest.Browser) (*browsertest.Page, string) {
	t.Helper()
	server := httptest.NewServer(w.server)
	t.Cleanup(server.Close)
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	p := b.Page(base + "/sign-in/")
	var kept string
	p.Eval(`document.cookie = "who=ann; path=/"`, &kept)
	return p, base
}

func loopback(c *portal.Config) { c.Loopback = true }

// TestPagesInABrowser looks at every page in a real browser: light and dark, wide and narrow, with hostile names.
func TestPagesInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	w := newWorld(t, loopback)
	paths := w.furnish()
	p, base := serve(t, w, b)
	for _, at := range paths {
		if status := p.Go(base + at.path); status != at.status {
			t.Errorf("%s: status %d, want %d", at.path, status, at.status)
		}
		for _, width := range []int{1280, 390} {
			for _, dark := range []bool{false, true} {
				p.Screenshot("portal-"+at.name, width, dark)
			}
		}
		if at.status < 400 { // of another status a browser complains by itself
			p.Accessible(t)
		}
	}
}

// place is a page to look at.
type place struct {
	name, path string
	status     int
}

// furnish gives a partner of a hostile name one of everything, and says where it is to be seen.
func (w *world) furnish() []place {
	w.Helper()
	id := w.partner(hostile, "ann", "ben")
	w.post("ann", "/portal/start/sandbox/review", key("reason", "We want to take payments")).leads("/portal/start/sandbox?done=review")
	w.attach("ann", "sandbox", key("item", "pentest", "note", "of this year"), "Report <2026> final.pdf", []byte("%PDF-1.7 report"))
	w.attach("ann", "sandbox", key("item", "policy", "url", "https://example.org/security", "name", "Policy"), "", nil)
	w.post("ann", "/portal/start/sandbox/comment", key("text", "Who looks at this?\nWe would like to start in May.")).leads("/portal/start/sandbox?done=comment")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	w.post("ann", "/portal/credentials/"+c.ID+"/rotate", key("overlap", "7"))
	w.post("ann", "/portal/addresses", key("environment", "sandbox", "prefix", "203.0.113.0/24", "note", hostile[:60])).leads("/portal/addresses?done=asked")
	w.rule(id, "sandbox", "198.51.100.0/24")
	w.used(id, c)
	w.called(aCall(1, id, c.ID, "allowed"), aCall(2, id, c.ID, "bad_signature"), aCall(3, id, c.ID, "address_not_listed"), aCall(4, id, c.ID, "allowed"))
	return []place{
		{"start", "/portal/start", 200}, {"environment", "/portal/start/sandbox", 200}, {"production", "/portal/start/production", 200},
		{"credentials", "/portal/credentials", 200}, {"credential", "/portal/credentials/" + c.ID, 200}, {"requests", "/portal/requests", 200},
		{"calls", "/portal/calls", 200}, {"call", "/portal/calls/00000000000000000000000000000002", 200},
		{"addresses", "/portal/addresses", 200}, {"address", "/portal/address", 200}, {"account", "/portal/account", 200}, {"nothing", "/portal/nothing", 404},
	}
}

// TestTheWayInWithoutScripts: from the first question to a withdrawn request, in a browser that runs no script.
func TestTheWayInWithoutScripts(t *testing.T) {
	b := browsertest.Open(t)
	w := newWorld(t, loopback)
	id := w.partner("Acme", "ann")
	p, base := serve(t, w, b)
	p.Scripts(false)
	p.Go(base + "/portal/start/sandbox")
	p.Type("#ask-reason", "We take payments")
	p.Submit(`form[action$="/review"] button`)
	p.Type("#text", "Who looks at this?")
	p.Submit(`form[action$="/comment"] button`)
	p.Click("summary")
	p.Type("#url", "https://example.org/policy")
	p.Submit(`form[action$="/evidence"] button`)
	if at := p.URL(); at != base+"/portal/start/sandbox?done=evidence" {
		t.Errorf("at %s", at)
	}
	p.Go(base + "/portal/addresses")
	p.Type("#prefix", "203.0.113.9/24")
	p.Submit(`#propose button`)
	if fault := p.Text("#prefix-error"); !strings.Contains(fault, "203.0.113.0/24") {
		t.Errorf("beside the field stands %q", fault)
	}
	p.Type("#prefix", "203.0.113.0/24")
	p.Submit(`#propose button`)
	p.Go(base + "/portal/requests")
	p.Submit(`form[action$="/withdraw"] button`)
	own := w.view(id)
	if len(own.Proposals) != 1 || own.Proposals[0].EndedAt.IsZero() || own.Reviews[1].Comments == nil && own.Reviews[0].Comments == nil {
		t.Errorf("%+v", own)
	}
}

// TestASecretIsCopiedAndDownloaded: with scripts, the page of a secret has both buttons, and it is in no storage.
func TestASecretIsCopiedAndDownloaded(t *testing.T) {
	b := browsertest.Open(t)
	w := newWorld(t, loopback)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	p, base := serve(t, w, b)
	p.Go(base + "/portal/start/sandbox")
	p.Submit(`#credentials form button`)
	var shown, kept string
	p.Eval(`document.querySelector("[data-secret] textarea").value`, &shown)
	p.Eval(`JSON.stringify([localStorage, sessionStorage, document.cookie])`, &kept)
	if len(shown) < 32 || strings.Contains(kept, shown) {
		t.Errorf("a secret of %d bytes; kept: %v", len(shown), strings.Contains(kept, shown))
	}
	if buttons := p.Text(".secret .actions"); !strings.Contains(buttons, "Copy") || !strings.Contains(buttons, "Download") {
		t.Errorf("buttons: %q", buttons)
	}
	p.Look(390, false)
	var rows float64
	p.Eval(`(() => { const e = document.querySelector("[data-secret] textarea"), s = getComputedStyle(e);
		return (e.clientHeight - parseFloat(s.paddingTop) - parseFloat(s.paddingBottom)) / parseFloat(s.lineHeight) })()`, &rows)
	if rows < 2.95 {
		t.Errorf("on a telephone the secret has %.1f rows", rows)
	}
	p.Look(1280, false)
	p.Accessible(t)
	p.Screenshot("portal-secret", 1280, false)
	p.Screenshot("portal-secret", 390, true)
}
