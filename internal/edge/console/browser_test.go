package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/browsertest"
	"countersign.dev/internal/edge/console"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// unseen are the routes of GET that are no pages: what a browser saves, and what leads on at once.
var unseen = []string{
	"GET /console/proposals/{$}", // leads to the list
}

// everything makes a register in which each page has something to show, of partners whose names are meant to break pages. It
// returns addresses from which every page can be reached, or that no page links to.
func (w *world) everything() (begin []string) {
	w.Helper()
	w.waiting("production")
	var ids []string
	for _, name := range hostileNames {
		id := w.admitted(name, "sandbox", "production")
		ids = append(ids, id)
		begin = append(begin, "/console/partners/"+id)
	}
	id := ids[0]
	app, key := w.issued(id, "sandbox", partner.App).Credential, w.issued(id, "production", partner.SigningKey).Credential
	rule, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: "sandbox", Prefix: netip.MustParsePrefix("203.0.113.0/24"), Note: hostileNames[1]})
	w.must(err)
	limit, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: id, Environment: "production", API: "card", Rate: 50, Per: time.Second, Burst: 60})
	w.must(err)
	_, err = w.AddEndpoint(ctx, alice, partner.Endpoint{PartnerID: id, Environment: "sandbox", URL: "https://example.com/hook", Description: hostileNames[0]})
	w.must(err)
	asked, _ := w.asked(strings.Repeat("W", 100))
	_, err = w.AddEvidence(ctx, alice, asked, "sandbox", registry.EvidenceAdd{Item: "report", Name: `"><img src=x onerror=alert(1)>.pdf`, Content: []byte("%PDF-1.7\n"), Note: hostileNames[2]})
	w.must(err)
	invite, err := registry.NewOperation(registry.OpMemberInvite, id, "", registry.MemberInvite{Login: "mia@example.com", Name: hostileNames[1]})
	w.must(err)
	_, err = w.Do(ctx, alice, invite, registry.Intent{})
	w.must(err)
	_, err = w.AddEvidence(ctx, alice, asked, "sandbox", registry.EvidenceAdd{Item: "policy", Name: "policy", URL: "https://example.com/policy"})
	w.must(err)
	_, err = w.AddComment(ctx, alice, asked, "sandbox", hostileNames[1])
	w.must(err)
	account, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "carol@example.com", Name: hostileNames[0], Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	service, _, err := w.CreateService(ctx, alice, registry.ServiceCreate{Name: "deploy", Roles: []operator.Role{operator.Viewer}, NotAfter: w.clock.now().Add(time.Hour)})
	w.must(err)
	proposal := w.network("operator", id)
	found := w.record.add(audit.Decision{Partner: id, Proved: true, Environment: "sandbox", Reason: "bad_signature", Status: 401}, audit.Decision{Partner: id, Proved: true, Environment: "sandbox"})
	members, err := w.Members(ctx, id)
	w.must(err)
	w.must(w.Suspend(ctx, alice, ids[1], "production", "for a test"))
	p, q := "/console/partners/"+id, "/console/partners/"+asked+"/reviews/sandbox"
	return append(begin, "/console/", "/console/partners/"+asked, "/console/accounts/"+account.Account.ID, "/console/service-accounts/"+service.ID, "/console/proposals/"+proposal.ID,
		"/console/credentials/"+app.ID, "/console/credentials/"+key.ID, "/console/credentials/"+app.ID+"/rotation", "/console/requests/"+found[0], "/console/requests", "/console/decisions/"+found[0],
		p+"/unlock", p+"/close", p+"/networks/"+rule.ID+"/remove", p+"/limits/"+limit.ID+"/remove", "/console/changes/2",
		"/console/settings/sealing-keys/sandbox/rotate", "/console/settings/sealing-keys/sandbox/drop", "/console/proposals/"+proposal.ID+"/edit",
		"/console/credentials/"+app.ID+"/client-keys", "/console/credentials/"+app.ID+"/schedule", q+"/comments", q+"/approve",
		"/console/partners/"+ids[1]+"/reviews/production/resume", p+"/members/"+members[0].ID+"/enable", "/console/no-such-page")
}

// TestEveryPageInABrowser follows the console's own links, and looks at each page once that it has: in the light and the dark, at
// 1280 and 390 pixels, and with the keyboard, as WCAG 2.2 AA asks. A page that nothing leads to fails it.
func TestEveryPageInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	w := newWorld(t)
	seen := map[string]bool{}
	begin := w.everything()
	todo := slices.Clone(begin)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = "admin.example.com"
		r.AddCookie(&http.Cookie{Name: "who", Value: "glass"})
		if strings.HasPrefix(r.URL.Path, "/v1/") { // what a page's script asks by itself: a stream in which nothing happens
			rw.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(rw).Flush()
			<-r.Context().Done()
			return
		}
		w.console.ServeHTTP(rw, r)
	}))
	defer server.Close()
	tab := b.Page("")
	for len(todo) > 0 {
		target := todo[0]
		todo = todo[1:]
		u, err := url.Parse(target)
		w.must(err)
		pattern := w.console.PatternOf(u.Path)
		if !strings.HasPrefix(target, "/console/") || strings.HasPrefix(u.Path, "/console/assets/") || pattern != "" && seen[pattern] && !slices.Contains(begin, target) || slices.Contains(unseen, pattern) {
			continue
		}
		seen[pattern] = true
		begin = slices.DeleteFunc(begin, func(one string) bool { return one == target }) // once
		if answer := w.get("glass", target); answer.Code/100 == 3 || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") {
			continue // a file that is downloaded, or a way to another page
		}
		tab.Go(server.URL + target)
		tab.Accessible(t)
		if os.Getenv(browsertest.PicturesTo) != "" {
			name := strings.NewReplacer("GET /console/", "", "/", "-", "{", "", "}", "", "$", "overview").Replace(pattern)
			tab.Screenshot("page-"+name, 1280, false)
			tab.Screenshot("page-"+name, 390, true)
		}
		var links []string
		tab.Eval(`[...document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"))`, &links)
		todo = append(todo, links...)
	}
	for _, pattern := range console.Patterns() {
		if strings.HasPrefix(pattern, "GET ") && !seen[pattern] && !slices.Contains(unseen, pattern) {
			t.Errorf("nothing leads to %s: add what it shows to everything, or a link", pattern)
		}
	}
}
