package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/browsertest"
)

// screenshotsTo names the folder that gets the pictures of the documentation, seen from the root of the repository; without it none are
// made, and the pages are judged all the same. "make screenshots" sets it.
const screenshotsTo = "COUNTERSIGN_SCREENSHOTS"

// documented are the pages of which the documentation has a picture, 1280 px wide in the light, and how much of their height it shows. They
// are few and small, because somebody looks at each before it is kept.
var documented = map[string]int{
	"console-overview": 1300, "console-partner": 1650, "console-rotation": 1300, "console-revocation": 1000, "console-tail": 900,
	"console-request": 1250,
	"portal-start":    1450, "portal-tester": 1450, "portal-tester-answer": 1250, "portal-debugger": 1300,
}

// narrow are those with one more, 390 px wide in the dark.
var narrow = []string{"console-overview", "portal-start"}

// gallery visits pages in a browser, judges each, and keeps pictures.
type gallery struct {
	*testing.T
	tab *browsertest.Page
	dir string // empty: no pictures
}

// visit goes to a page, which must be there, and judges it as WCAG 2.2 AA asks; name, if there is one, is that of its pictures.
func (g *gallery) visit(url, name string) {
	g.Helper()
	if status := g.tab.Go(url); status != 200 {
		g.Errorf("%s: status %d", url, status)
	}
	g.judge(name)
}

// judge does so with the page that stands there. Whoever wants to look at all of them, wide and narrow, in the light and in the dark, sets
// COUNTERSIGN_PICTURES (see browsertest).
func (g *gallery) judge(name string) {
	g.Helper()
	g.tab.Accessible(g.T)
	if name == "" {
		return
	}
	for _, width := range []int{1280, 390} {
		g.tab.Screenshot(name, width, false)
		g.tab.Screenshot(name, width, true)
	}
	tallest := documented[name]
	if g.dir == "" || tallest == 0 {
		return
	}
	g.tab.Top(filepath.Join(g.dir, name+".png"), 1280, false, tallest)
	if slices.Contains(narrow, name) {
		g.tab.Top(filepath.Join(g.dir, name+"-narrow.png"), 390, true, tallest)
	}
}

// signIn types the token of a one-time link, as somebody does whose browser runs no script.
func (g *gallery) signIn(link string) {
	g.Helper()
	page, token, found := strings.Cut(link, "#")
	if !found {
		g.Fatalf("the link %q has no token", page)
	}
	g.tab.Scripts(false)
	g.tab.Go(page)
	g.tab.Type("#token", token)
	if status := g.tab.Submit("#link button"); status != 200 {
		g.Fatalf("the sign-in answers %d: %s", status, g.tab.Text("main"))
	}
	g.tab.Scripts(true)
}

// href is the first link of the page to something right below a path, whose text begins with these words; "new" is no thing.
func (g *gallery) href(below, words string) string {
	g.Helper()
	var links []string
	g.tab.Eval(fmt.Sprintf(`[...document.querySelectorAll("main a[href]")].filter((a) => a.textContent.trim().startsWith(%q)).`+
		`map((a) => a.getAttribute("href"))`, words), &links)
	for _, link := range links {
		if rest, found := strings.CutPrefix(link, below); found && rest != "" && rest != "new" && !strings.ContainsAny(rest, "/?#") {
			return link
		}
	}
	g.Fatalf("no link to anything below %s on %s:\n%s", below, g.tab.URL(), g.tab.Text("main"))
	return ""
}

// counted waits until the overview has the requests of the story, which are summed up from minute to minute; pictures alone need
// that.
func (g *gallery) counted(url string) {
	g.Helper()
	for end := time.Now().Add(5 * time.Minute); g.dir != ""; {
		g.tab.Go(url)
		if strings.Contains(g.tab.Text("main"), "Refusals by reason") {
			return
		}
		if time.Now().After(end) {
			g.Fatal("the requests were not counted")
		}
		var none any
		g.tab.Eval("new Promise((done) => setTimeout(done, 2000))", &none) // polls another process; what is waited for is the page
	}
}

// story gives dev something to show: partners on their way, and requests that were let in and refused.
func (d *dev) story(t *testing.T) {
	t.Helper()
	run := func(args ...string) { t.Helper(); pipe(t, "", 0, append(args, "--data", d.data)...) }
	for _, name := range []string{"Northwind Credit Union", "Fabrikam Card Services", "Contoso Aggregation"} {
		run("partner", "add", name)
	}
	run("partner", "request-access", "Northwind Credit Union", "--environment", sandbox)
	run("partner", "request-access", "Fabrikam Card Services", "--environment", sandbox)
	run("review", "start", "Fabrikam Card Services", "--environment", sandbox)
	card := call{method: "GET", target: shownCard}
	for _, env := range []string{production, sandbox} {
		for range 12 {
			d.signed(t, env, card).want(t, 200)
		}
		for range 3 {
			c := card
			c.signature = strings.Repeat("ab", 32)
			d.line(t, d.signed(t, env, c).want(t, 401))
		}
		late := card
		late.ts = strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
		d.line(t, d.signed(t, env, late).want(t, 401))
	}
	mistake := call{method: "GET", target: shownCard + "?expand=status", ts: now()}
	mistake.signature = mac(d.Environments[sandbox].Card.APISecret, mistake.ts, mistake.method, shownCard, "") // the query is left out
	d.line(t, d.signed(t, sandbox, mistake).want(t, 401))
}

// shownCard is the target of the calls that the pictures show.
const shownCard = "/api/v1/cards/" + demoCard

// TestSurfacesInABrowser walks through the sign-in, the console and the portal of a running dev in a real browser: each page is
// judged, and pictured where somebody wants pictures.
func TestSurfacesInABrowser(t *testing.T) {
	t.Parallel()
	b := browsertest.Open(t)
	d := start(t, folder(t))
	defer mustStop(t, d)
	var portal struct {
		Portal struct {
			URL        string `json:"url"`
			SignInLink string `json:"sign_in_link"`
		} `json:"portal"`
	}
	text, err := os.ReadFile(d.readyFile)
	if err == nil {
		err = json.Unmarshal(text, &portal)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.story(t)
	dir := os.Getenv(screenshotsTo)
	if dir != "" {
		if dir, err = filepath.Abs(filepath.Join("..", dir)); err == nil {
			err = os.MkdirAll(dir, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("operators", func(t *testing.T) { (&gallery{t, b.Page(""), dir}).operators(d) })
	t.Run("partners", func(t *testing.T) {
		(&gallery{t, b.Page(""), dir}).partners(portal.Portal.URL, portal.Portal.SignInLink, d.Environments[sandbox].Card.APISecret)
	})
}

// operators is the story of the console.
func (g *gallery) operators(d *dev) {
	base := d.Admin.URL
	g.visit(base+"/sign-in/", "sign-in")
	for _, page := range []string{"link", "recovery", "break-glass"} {
		g.visit(base+"/sign-in/"+page, "")
	}
	g.signIn(d.Admin.SignInLink)
	g.visit(base+"/sign-in/", "")
	g.counted(base + "/console/")
	g.visit(base+"/console/?last=1h", "console-overview")
	g.visit(base+"/console/partners", "console-partners")
	g.visit(base+"/console/partners?q=Demo", "")
	partner := g.href("/console/partners/", "Demo")
	g.visit(base+partner, "console-partner")
	credential := g.href("/console/credentials/", "signing key")
	g.visit(base+credential, "console-credential")
	g.visit(base+credential+"/rotate", "console-rotation")
	g.visit(base+credential+"/revoke", "console-revocation")
	g.visit(base+"/console/reviews", "")
	g.visit(base+"/console/what-if", "console-what-if")
	g.visit(base+"/console/tail", "console-tail")
	g.visit(base+"/console/decisions?decision=refuse", "console-decisions")
	g.visit(base+g.href("/console/requests/", ""), "console-request")
	g.visit(base+"/console/settings", "")
}

// partners is the story of the portal; the secret is typed into the tester.
func (g *gallery) partners(base, link, secret string) {
	g.visit(base+"/sign-in/", "")
	g.signIn(link)
	g.visit(base+"/sign-in/", "")
	g.visit(base+"/portal/start", "")
	g.visit(base+"/portal/start/"+sandbox, "portal-start")
	g.visit(base+"/portal/credentials", "portal-credentials")
	g.visit(base+"/portal/addresses", "portal-addresses")
	g.visit(base+"/portal/calls", "portal-calls")
	g.visit(base+g.href("/portal/calls/", ""), "portal-call")
	g.visit(base+"/portal/tester?environment="+sandbox+"&api=card", "")
	g.tab.Type("#target", shownCard)
	var chosen string
	g.tab.Eval(`(([s, o]) => s.value = o.value)([document.querySelector("[name=key_id]"),
		[...document.querySelectorAll("[name=key_id] option")].find((o) => o.textContent.includes("API token"))])`, &chosen)
	g.post(`form[action$="/tester/build"] button`)
	g.tab.Until(`!document.getElementById("signer").hidden`)
	g.judge("portal-tester")
	g.tab.Type("#secret", secret)
	g.post("#sign-send")
	g.judge("portal-tester-answer")
	g.visit(base+"/portal/debugger", "")
	g.post(`form[action$="/debugger/kept"] button`)
	g.judge("portal-debugger")
	g.visit(base+"/portal/account", "")
}

// post presses a button; the answer must be a page.
func (g *gallery) post(button string) {
	g.Helper()
	if status := g.tab.Submit(button); status != 200 {
		g.Fatalf("%s: status %d: %s", button, status, g.tab.Text("main"))
	}
}
