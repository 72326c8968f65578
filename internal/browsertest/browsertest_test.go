package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/internal/browsertest"
)

// good is a page without a fault; each case of the table spoils it in one place.
const good = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Good · Countersign</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head><body>
<a class="skip" href="#main">Skip</a>
<nav aria-label="Main"><ul><li><a href="/">Start</a></li></ul></nav>
<main id="main"><h1>Good</h1><h2>Part</h2>
<p class="text">Some text with <a href="/x">a link</a> in it.</p>
<form><label for="name">Name</label><input id="name" name="name" type="text" placeholder="an example">
<button type="button">Go on</button></form>
<table><caption>Numbers</caption><thead><tr><th scope="col">One</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="A dot" width="10" height="10">
<p><time datetime="2026-11-20T10:00:00Z">today</time></p>
</main></body></html>`

const style = `body{color:#111;background:#fff;font:16px/1.5 sans-serif}a{color:#003}button,input{min-height:40px;font:inherit}
input{border:1px solid #555;background:#fff;color:#111}::placeholder{color:#555;opacity:1}
button{background:#eee;color:#111;border:1px solid #555}:focus-visible{outline:3px solid #036}main:focus{outline:none}nav a{display:inline-block;padding:6px}
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}a{color:#cdf}input{color:#eee;background:#111;border-color:#aaa}::placeholder{color:#bbb}button{background:#222;color:#eee}:focus-visible{outline-color:#9cf}}`

const policy = "default-src 'none'; style-src 'self'; img-src data:; script-src 'self'"

// site serves one page whose text and style a case has changed.
func site(t *testing.T, change func(page, style string) (string, string)) string {
	t.Helper()
	text, css := change(good, style)
	mux := http.NewServeMux()
	mux.HandleFunc("/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, css)
	})
	mux.HandleFunc("/bad.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, "throw new Error('broken on purpose')")
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, text)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/"
}

// put replaces a piece of the page; where there is none, no fault is found, and the case fails.
func put(old, fresh string) func(page, style string) (string, string) {
	return func(page, style string) (string, string) {
		return strings.Replace(page, old, fresh, 1), style
	}
}

// dress adds rules to the style sheet.
func dress(rules string) func(page, style string) (string, string) {
	return func(page, style string) (string, string) { return page, style + rules }
}

func TestAccessibleFindsEachFault(t *testing.T) {
	b := browsertest.Open(t)
	p := b.Page("")
	cases := []struct {
		name   string
		change func(page, style string) (string, string)
		want   string // a part of the fault; empty: there is none
	}{
		{"nothing is wrong", func(p, s string) (string, string) { return p, s }, ""},
		{"no lang", put(` lang="en"`, ""), "no lang"},
		{"a title without a page", put("Good · Countersign", "Countersign"), "the title"},
		{"no viewport", put(`<meta name="viewport" content="width=device-width, initial-scale=1">`, ""), "viewport"},
		{"zooming forbidden", put("initial-scale=1", "initial-scale=1, user-scalable=no"), "zooming"},
		{"two h1", put("<h2>Part</h2>", "<h1>Part</h1>"), "2 <h1>"},
		{"a heading skipped", put("<h2>Part</h2>", "<h3>Part</h3>"), "skips a level"},
		{"no main", put(`<main id="main">`, `<div id="main">`), "<main>"},
		{"a nav without a label", put(` aria-label="Main"`, ""), "<nav>"},
		{"no skip link", put(`<a class="skip" href="#main">Skip</a>`, ""), "skips the navigation"},
		{"text outside of landmarks", put("</main>", "</main><p>lost</p>"), "landmarks"},
		{"a tabindex", put("<button", `<button tabindex="3"`), "tabindex"},
		{"a style attribute", put("<h2>", `<h2 style="color:#000">`), "style attribute"},
		{"an id twice", put("<h2>", `<h2 id="name">`), "comes twice"},
		{"a reference to nothing", put(`id="name"`, `id="name" aria-describedby="gone"`), "leads to nothing"},
		{"a field without a label", put(`<label for="name">Name</label>`, ""), "no name"},
		{"a button without a name", put("Go on</button>", "</button>"), "no name"},
		{"an error that is not told", put(`id="name"`, `id="name" aria-invalid="true"`), "is not told"},
		{"a radio alone", put("<button", `<label><input type="radio" name="r"> R</label><button`), "radio"},
		{"a picture without alt", put(` alt="A dot"`, ""), "without alt"},
		{"a drawing without a name", put("<h2>", `<svg width="30" height="30"><path d="M0 0h9"/></svg><h2>`), "drawing"},
		{"a table without a caption", put("<caption>Numbers</caption>", ""), "<caption>"},
		{"a th without scope", put(` scope="col"`, ""), "scope"},
		{"an empty th", put(`"col">One`, `"col">`), "empty <th>"},
		{"a time without an instant", put("2026-11-20T10:00:00Z", "soon"), "<time>"},
		{"a list with a div", put("<li><a", "<div>x</div><li><a"), "<li>"},
		{"a control in a control", put(`<a href="/x">a link</a>`, `<a href="/x"><input aria-label="in"></a>`), "within a control"},
		{"grey text", dress(".text{color:#999}"), "contrast"},
		{"grey text in the dark alone", dress("@media(prefers-color-scheme:dark){.text{color:#444}}"), "(dark)"},
		{"grey text on a telephone alone", dress("@media(max-width:400px){.text{color:#aaa}}"), "(light, 390)"},
		{"text that shines through", dress(".text{opacity:.4}"), "contrast"},
		{"a pale placeholder", dress("::placeholder{color:#ccc}"), "placeholder"},
		{"a pale rim", dress("input{border-color:#eee}"), "rim"},
		{"no focus", dress("button:focus-visible{outline:none}"), "no focus is to be seen"},
		{"a pale focus", dress(":focus-visible{outline-color:#eee}"), "hard to see"},
		{"a stop that Tab does not reach", put("<button", `<div tabindex="0" class="trap" inert>x</div><button`), "Tab does not reach"},
		{"small targets", put("<h2>", `<button class="s" type="button">a</button><button class="s" type="button">b</button><h2>`), ""},
		{"small targets side by side", func(p, s string) (string, string) {
			p, _ = put("<h2>", `<button class="s" type="button">a</button><button class="s" type="button">b</button><h2>`)(p, s)
			return p, s + ".s{min-height:0;height:14px;width:14px;padding:0;font-size:10px}"
		}, "too small"},
		{"a code that is torn apart", func(p, s string) (string, string) {
			p, _ = put("<td>1</td>", "<td>bad_signature</td>")(p, s)
			return p, s + "td{overflow-wrap:anywhere;display:block;width:5em}"
		}, `torn apart: "bad_signature"`},
		{"a code with a place to break", func(p, s string) (string, string) {
			p, _ = put("<td>1</td>", "<td>bad_<wbr>signature of-something-else</td>")(p, s)
			return p, s + "td{overflow-wrap:break-word;display:block;width:5em}"
		}, ""},
		{"a head that ends early", func(p, s string) (string, string) {
			p, _ = put(`<nav`, `<header class="top"><p>Head</p></header><nav`)(p, s)
			return p, s + "html{margin-right:15px}"
		}, "ends before the edge"},
		{"wider than a telephone", dress("table{width:600px}"), "sideways"},
		{"a box that cannot be scrolled by keys", func(p, s string) (string, string) {
			p, _ = put("<table>", `<div class="b"><div class="w">wide</div></div><table>`)(p, s)
			return p, s + ".b{overflow-x:auto;width:100px}.w{width:900px}"
		}, "keyboard does not reach"},
		{"a style that the policy forbids", put("</head>", "<style>p{margin:0}</style></head>"), "Content Security Policy"},
		{"a script that the policy forbids", put("</body>", "<script>1</script></body>"), "Content Security Policy"},
		{"a script that fails", put("</body>", `<script src="/bad.js"></script></body>`), "broken on purpose"},
		{"a file that is missing", put("</body>", `<script src="/gone.js"></script></body>`), "404"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p.Go(site(t, c.change))
			faults := p.Faults()
			if c.want == "" && len(faults) > 0 {
				t.Errorf("faults where there are none: %q", faults)
			}
			if c.want != "" && !strings.Contains(strings.Join(faults, "\n"), c.want) {
				t.Errorf("it found %q, which is not %q", faults, c.want)
			}
		})
	}
}
