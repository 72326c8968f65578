package console_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/browsertest"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
)

// live is a world whose record is followed, behind a server that a browser reaches as somebody.
type live struct {
	*world
	http *httptest.Server
	look chan time.Time
	beat chan time.Time
}

func newLive(t *testing.T, who string) *live {
	t.Helper()
	l := &live{look: make(chan time.Time), beat: make(chan time.Time)}
	l.world = newWorld(t, func(w *world, c *admin.Config) {
		tails, err := search.NewTails(search.TailsConfig{Dir: w.record.Dir, Now: w.clock.now, Log: slog.New(slog.DiscardHandler)})
		w.must(err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); tails.Run(ctx, l.look) }()
		t.Cleanup(func() { cancel(); <-done })
		c.Tails = tails
		c.Still = func(context.Context, operator.Principal) error { return nil }
	})
	l.http = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = "admin.example.com"
		r.Header.Del("Origin")
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			l.api.ServeHTTP(rw, r)
			return
		}
		l.console.ServeHTTP(rw, r)
	}))
	t.Cleanup(l.http.Close)
	t.Cleanup(l.api.EndTails)
	return l
}

// decides writes decisions and has them found.
func (l *live) decides(list ...audit.Decision) {
	for i := range list {
		list[i].Time = l.clock.now()
	}
	l.record.add(list...)
	l.look <- time.Time{}
	l.look <- time.Time{}
}

func TestTheTailFollowsInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	l := newLive(t, "viewer")
	l.record.add(audit.Decision{Environment: "sandbox", Partner: "ptn_first", Proved: true})
	tab := b.Page(l.http.URL + "/console/tail")
	tab.Until(`document.getElementById("tail-state").textContent === "Following."`)
	rows := func(n int) {
		t.Helper()
		tab.Until(fmt.Sprintf(`document.querySelectorAll("#tail-rows tr").length === %d`, n))
	}
	rows(1)
	l.decides(audit.Decision{Environment: "sandbox", Reason: "bad_signature", Status: 401, Partner: `<img src=x onerror=alert(1)>`})
	rows(2)
	first := func(column int) string {
		return tab.Text(fmt.Sprintf("#tail-rows tr:first-child > :nth-child(%d)", column))
	}
	if first(2) != "refuse" || first(3) != "bad_signature" || first(4) != "sandbox / card" || first(6) != "401" || !strings.HasPrefix(first(8), "<img src=x") {
		t.Errorf("the newest row: %q %q %q %q %q", first(2), first(3), first(4), first(6), first(8))
	}
	var href string
	tab.Eval(`document.querySelector("#tail-rows tr:first-child th a").getAttribute("href")`, &href)
	if href != fmt.Sprintf("/console/requests/%032x", 2) {
		t.Errorf("the row leads to %s", href)
	}

	tab.Click("#tail-pause")
	l.decides(audit.Decision{Environment: "sandbox"}, audit.Decision{Environment: "production"})
	tab.Until(`document.getElementById("tail-pause").textContent === "Resume (2 new)"`)
	rows(2)
	tab.Click("#tail-pause")
	rows(4)
	if text := tab.Text("#tail-pause"); text != "Pause" {
		t.Errorf("after it was resumed the button says %q", text)
	}
	tab.Accessible(t)
	if all := tab.Complaints(); len(all) > 0 {
		t.Errorf("complaints: %q", all)
	}
	tab.Screenshot("tail", 1280, false)
	tab.Screenshot("tail", 390, true)
}

// TestARowOfTheTailIsOneLine at 1280 pixels: what there is no room for ends in dots, and stands whole in its title; and so it is in the row
// that the server makes.
func TestARowOfTheTailIsOneLine(t *testing.T) {
	b := browsertest.Open(t)
	l := newLive(t, "viewer")
	path := "/card/v1/" + strings.Repeat("a-long-word/", 8)
	long := audit.Decision{Environment: "production", API: "aggregation", Reason: "address_not_listed", Status: 401, Method: "POST", Path: path,
		Partner: "ptn_aaaaaaaaaaaaaaaaaaaaaaaaaa", Proved: true, Address: netip.MustParseAddr("203.0.113.255")}
	l.record.add(long)
	tab := b.Page(l.http.URL + "/console/tail")
	tab.Until(`document.getElementById("tail-state").textContent === "Following."`)
	l.decides(long)
	tab.Until(`document.querySelectorAll("#tail-rows tr").length === 2`)
	var rows []struct {
		Lines int
		Title string
		Cut   bool
	}
	tab.Eval(`[...document.querySelectorAll("#tail-rows tr")].map((row) => ({ Lines: Math.max(...[...row.cells].map((c) => {
		const range = document.createRange(); range.selectNodeContents(c);
		return new Set([...range.getClientRects()].filter((r) => r.width > 1).map((r) => Math.round(r.bottom / 12))).size })),
		Title: row.cells[4].title, Cut: row.cells[4].scrollWidth > row.cells[4].clientWidth }))`, &rows)
	for i, row := range rows {
		if row.Lines != 1 || row.Title != "POST "+path || !row.Cut {
			t.Errorf("row %d: %+v", i, row)
		}
	}
	var wide int
	tab.Eval(`(() => { const box = document.querySelector("#tail .box"); return box.scrollWidth - box.clientWidth })()`, &wide)
	if wide > 0 {
		t.Errorf("the table is %d pixels wider than the page", wide)
	}
	tab.Accessible(t)
}

func TestTheTailKeepsItsTableShort(t *testing.T) {
	b := browsertest.Open(t)
	l := newLive(t, "viewer")
	tab := b.Page(l.http.URL + "/console/tail")
	tab.Until(`document.getElementById("tail-state").textContent === "Following."`)
	if tab.Text("#tail-none") == "" {
		t.Error("an empty table says nothing")
	}
	for i := range 3 { // what waits for one reader is bounded: it takes them as they come
		batch := make([]audit.Decision, 200)
		batch[199].Environment = fmt.Sprint("batch-", i)
		l.decides(batch...)
		tab.Until(fmt.Sprintf(`!document.getElementById("tail-none") && document.querySelector("#tail-rows tr").textContent.includes("batch-%d")`, i))
	}
	var n int
	tab.Eval(`document.querySelectorAll("#tail-rows tr").length`, &n)
	if n > 500 {
		t.Errorf("%d rows", n)
	}
}

func TestTheTailSaysThatTheSessionHasEnded(t *testing.T) {
	b := browsertest.Open(t)
	l := newLive(t, "viewer")
	tab := b.Page(l.http.URL + "/console/tail")
	tab.Until(`document.getElementById("tail-state").textContent === "Following."`)
	l.signOut("viewer")
	l.api.EndTails() // the page comes back, and is not let in
	tab.Until(`document.querySelector("#tail-state a") !== null`)
	if text := tab.Text("#tail-state"); !strings.Contains(text, "session has ended") {
		t.Errorf("says %q", text)
	}
}

func TestTheTailWithoutScripts(t *testing.T) {
	b := browsertest.Open(t)
	l := newLive(t, "viewer")
	l.record.add(audit.Decision{Environment: "sandbox"})
	tab := b.Page("")
	tab.Scripts(false)
	tab.Go(l.http.URL + "/console/tail?environment=sandbox")
	if text := tab.Text("#tail-state"); !strings.Contains(text, "that needs a script") {
		t.Errorf("says %q", text)
	}
	l.record.add(audit.Decision{Environment: "sandbox", Reason: "replayed", Status: 409})
	tab.Submit("#tail-reload")
	if text := tab.Text("#tail-rows tr:first-child"); !strings.Contains(text, "replayed") {
		t.Errorf("after loading again the newest row is %q", text)
	}
}

func TestTheStoryInABrowser(t *testing.T) {
	b := browsertest.Open(t)
	e := &explainer{report: report}
	w := newWorld(t, withExplainer(e))
	id := w.record.add(audit.Decision{Environment: "sandbox", Reason: "bad_signature", Status: 401, Partner: "ptn_a", Credential: "crd_a",
		Derivation: "connection from 10.0.0.1: a trusted proxy\n198.51.100.7: the client"})[0]
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Host = "admin.example.com"
		r.AddCookie(&http.Cookie{Name: "who", Value: "viewer"})
		w.console.ServeHTTP(rw, r)
	}))
	defer server.Close()
	tab := b.Page(server.URL + "/console/requests")
	tab.Accessible(t)
	tab.Type("#id", id)
	if status := tab.Submit("main button[type=submit]"); status != http.StatusOK || !strings.HasSuffix(tab.URL(), id) {
		t.Errorf("asked by its id: %d at %s", status, tab.URL())
	}
	tab.Accessible(t)
	tab.Screenshot("story", 1280, false)
	tab.Screenshot("story", 390, true)
}
