package console_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/edge/console"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/operator"
)

func TestNewNamesWhatIsMissing(t *testing.T) {
	if s, err := console.New(console.Config{}); err == nil || s != nil {
		t.Error("a console of nothing")
	}
}

// TestNoKeyStandsForTwoTexts: what a page says after a POST is found by a key in its address; two texts of one key would be said
// in each other's place.
func TestNoKeyStandsForTwoTexts(t *testing.T) {
	for key, texts := range console.Texts() {
		if len(texts) > 1 {
			t.Errorf("the key %q stands for %v", key, texts)
		}
	}
}

func TestWhoIsNotSignedInIsSentToSignInAndBack(t *testing.T) {
	p := newPlane(t)
	p.refuses("GET /v1/me", problem(api.NotSignedIn, ""))
	h := p.console()
	for _, pattern := range console.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		if method != http.MethodGet {
			continue
		}
		path = concrete(path)
		w := get(h, path+"?q=a%20b")
		want := "/sign-in/?next=" + url.QueryEscape(path+"?q=a%20b")
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("%s: %d to %q, not to %q", pattern, w.Code, w.Header().Get("Location"), want)
		}
	}
	for _, target := range []string{"/console/partners?q=%0d%0aX:y", "/console//evil.example"} {
		w := get(h, target)
		next, _ := url.QueryUnescape(strings.TrimPrefix(w.Header().Get("Location"), "/sign-in/?next="))
		if w.Code != http.StatusSeeOther || !page.Here(next) {
			t.Errorf("%s leads to %q", target, next)
		}
	}
}

// concrete fills the names of a pattern.
func concrete(path string) string {
	path = strings.TrimSuffix(path, "{$}")
	for {
		i := strings.IndexByte(path, '{')
		if i < 0 {
			return path
		}
		j := strings.IndexByte(path[i:], '}')
		path = path[:i] + "none" + path[i+j+1:]
	}
}

// TestAFormOfAnEndedSessionIsNotLost: each form says that nothing was done, and shows what was typed; no secret and no key.
func TestAFormOfAnEndedSessionIsNotLost(t *testing.T) {
	p := newPlane(t)
	p.refuses("GET /v1/me", problem(api.NotSignedIn, ""))
	h := p.console()
	tried := 0
	for _, pattern := range console.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		if method != http.MethodPost {
			continue
		}
		tried++
		w := post(h, concrete(path), url.Values{page.KeyName: {"key-of-the-form"}, "reason": {"a long <b>reason</b>"}, "token": {"csl_secret"}, "etag": {"\"etag-of-it\""}})
		text := body(t, w)
		if w.Code != http.StatusUnauthorized || !strings.Contains(text, "Nothing was done") || !strings.Contains(text, "a long &lt;b&gt;reason&lt;/b&gt;") {
			t.Errorf("%s: %d, or what was typed is lost", pattern, w.Code)
		}
		for _, hidden := range []string{"csl_secret", "key-of-the-form", "etag-of-it"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s: %s is shown", pattern, hidden)
			}
		}
	}
	if tried == 0 {
		t.Error("there are no forms")
	}
	for _, q := range p.asked {
		if q.Method != http.MethodGet {
			t.Errorf("%s %s was asked without a session", q.Method, q.URL.Path)
		}
	}
}

func TestAnUploadOfAnEndedSessionKeepsItsText(t *testing.T) {
	p := newPlane(t)
	p.refuses("GET /v1/me", problem(api.NotSignedIn, ""))
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.WriteField("comment", "typed beside the file")
	file, _ := form.CreateFormFile("file", "evidence.pdf")
	_, _ = file.Write(bytes.Repeat([]byte("x"), 4<<10))
	_ = form.Close()
	r := httptest.NewRequest(http.MethodPost, "http://localhost/console/partners/ptn_1/reviews/sandbox/evidence/file", &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	p.console().ServeHTTP(w, r)
	if text := body(t, w); w.Code != http.StatusUnauthorized || !strings.Contains(text, "typed beside the file") || strings.Contains(text, "xxxx") {
		t.Error(w.Code, text)
	}
}

// measured is a body that says how much of it was read.
type measured struct {
	io.Reader
	n int64
}

func (c *measured) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// TestALongUploadOfAnEndedSessionIsTakenBeforeItsAnswer: a browser that still sends sees no answer. What is beyond the bound is not read.
func TestALongUploadOfAnEndedSessionIsTakenBeforeItsAnswer(t *testing.T) {
	p := newPlane(t)
	p.refuses("GET /v1/me", problem(api.NotSignedIn, ""))
	h := p.console()
	const head = "--b\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\ntyped beside the file\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"evidence.pdf\"\r\n\r\n"
	for _, size := range []int{12 << 20, 40 << 20} {
		for kind, begin := range map[string]string{"multipart/form-data; boundary=b": head, "application/x-www-form-urlencoded": "comment=typed+beside+the+file&file="} {
			sent := &measured{Reader: strings.NewReader(begin + strings.Repeat("x", size))}
			r := httptest.NewRequest(http.MethodPost, "http://localhost/console/partners/ptn_1/reviews/sandbox/evidence/file", sent)
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if text := body(t, w); w.Code != http.StatusUnauthorized || !strings.Contains(text, "typed beside the file") {
				t.Errorf("%s of %d bytes: %d, or what was typed is lost", kind, size, w.Code)
			}
			whole := int64(len(begin) + size)
			if size < 16<<20 && sent.n != whole {
				t.Errorf("%s: %d of %d bytes were taken before the answer", kind, sent.n, whole)
			}
			if sent.n > 17<<20 {
				t.Errorf("%s: %d bytes were taken", kind, sent.n)
			}
		}
	}
}

// TestSecurityRule31EveryFormIsOfThisSite: what another site sends reaches neither a page nor the plane.
func TestSecurityRule31EveryFormIsOfThisSite(t *testing.T) {
	p := newPlane(t)
	h := p.console()
	for _, pattern := range console.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		if method != http.MethodPost {
			continue
		}
		for name, change := range map[string]func(*http.Request){
			"another site": func(r *http.Request) {
				r.Header.Set("Origin", "http://evil.example")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			},
			"a neighbour": func(r *http.Request) {
				r.Header.Set("Origin", "http://localhost:9999")
				r.Header.Set("Sec-Fetch-Site", "same-site")
			},
			"nobody says it": func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") },
		} {
			if w := post(h, concrete(path), url.Values{page.KeyName: {"k"}}, change); w.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d", pattern, name, w.Code)
			}
		}
	}
	if len(p.asked) != 0 {
		t.Errorf("the plane was asked %d times", len(p.asked))
	}
}

func TestNavigationShowsWhatThePermissionsAllow(t *testing.T) {
	nav := func(me api.Me) string {
		p := newPlane(t)
		p.says("GET /v1/me", me)
		text := body(t, get(p.console(), "/console/"))
		begin := strings.Index(text, `<nav class="side"`)
		return text[begin : begin+strings.Index(text[begin:], "</nav>")]
	}
	me := olga()
	if text := nav(me); !strings.Contains(text, ">Partners<") || strings.Contains(text, ">Audit<") || !strings.Contains(text, `aria-current="page">Overview`) {
		t.Error(text)
	}
	me.Permissions = []string{"changes.read"}
	if text := nav(me); strings.Contains(text, ">Partners<") || !strings.Contains(text, ">Audit<") {
		t.Error(text)
	}
	me.Environments = []string{"sandbox"}
	if text := nav(me); strings.Contains(text, ">Audit<") {
		t.Error("who is confined to an environment is shown the record of all:", text)
	}
}

// TestWideIsWhatThePolicySays: the console may not know the policy's package; its list is held to it here.
func TestWideIsWhatThePolicySays(t *testing.T) {
	for _, p := range operator.Permissions() {
		if p.Wide() != slices.Contains(console.Wide(), string(p)) {
			t.Errorf("%s reaches into every environment: %t, and the console thinks otherwise", p, p.Wide())
		}
	}
}

// TestProblemsArePages: each problem of the contract is a page that says what happened and what to do next.
func TestProblemsArePages(t *testing.T) {
	for _, info := range api.Problems() {
		p := newPlane(t)
		one := problem(info.Type, "The detail of it.")
		one.Permission = "partners.write"
		p.refuses("GET /v1/partners/ptn_1", one)
		w := get(p.console(), "/console/partners/ptn_1")
		text := body(t, w)
		want := info.Status
		switch info.Type {
		case api.Invalid, api.MalformedRequest: // an id that cannot be one names nothing
			if w.Code == http.StatusNotFound {
				continue
			}
		case api.NotSignedIn:
			want = http.StatusSeeOther
		case api.Forbidden:
			if !strings.Contains(text, "“partners.write”") {
				t.Error("the missing permission is not named")
			}
		case api.Unavailable, api.TooManyRequests, api.Internal:
			if w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", info.Type)
			}
		}
		if w.Code != want {
			t.Errorf("%s: status %d, not %d", info.Type, w.Code, want)
		}
		if want == info.Status && (strings.Count(text, "<h1>") != 1 || !strings.Contains(text, `<nav class="side"`)) {
			t.Errorf("%s: not a whole page", info.Type)
		}
		if strings.Contains(text, "`") {
			t.Errorf("%s: words for programs on a page for people", info.Type)
		}
	}
}

// TestTheStoreIsAway: when it cannot even be told who asks, there is a page that says so.
func TestTheStoreIsAway(t *testing.T) {
	p := newPlane(t)
	p.refuses("GET /v1/me", problem(api.Unavailable, ""))
	h := p.console()
	w := get(h, "/console/partners")
	if text := body(t, w); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" || !strings.Contains(text, "still decided") {
		t.Error(w.Code, text)
	}
	w = post(h, "/console/partners/new", url.Values{page.KeyName: {"k"}, "name": {"Acme Payments"}})
	if text := body(t, w); w.Code != http.StatusServiceUnavailable || !strings.Contains(text, "Acme Payments") {
		t.Error("what was typed is lost:", w.Code, text)
	}
}

func TestWhatIsNotThereIsOnePage(t *testing.T) {
	p := newPlane(t)
	h := p.console()
	var first string
	for _, target := range []string{"/console/partners/none", "/console/nothing", "/console/partners/a%2Fb", "/console/partners/none/networks/none/remove", "/console/%2e%2e/v1/me"} {
		w := get(h, target)
		text := body(t, w)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s: another page than for other things that are not there", target)
		}
	}
	if w := post(h, "/console/", url.Values{page.KeyName: {"k"}}); w.Code != http.StatusNotFound {
		t.Error("a POST to a page that takes none:", w.Code)
	}
}

func TestAFormWithoutItsKeyIsNotTaken(t *testing.T) {
	p := newPlane(t)
	w := post(p.console(), "/console/partners/new", url.Values{"name": {"Acme"}})
	if w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
	for _, q := range p.asked {
		if q.Method == http.MethodPost {
			t.Error("it was carried out")
		}
	}
}

func TestAFormThatIsTooLongIsAPage(t *testing.T) {
	w := post(newPlane(t).console(), "/console/partners/new", url.Values{page.KeyName: {"k"}, "name": {strings.Repeat("x", 100<<10)}})
	if text := body(t, w); w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(text, "64.0 KiB") {
		t.Error(w.Code, text)
	}
}

// TestEveryAnswerIsProtected: pages, redirects, refusals and files alike.
func TestEveryAnswerIsProtected(t *testing.T) {
	p := newPlane(t)
	h := p.console()
	away := newPlane(t)
	away.refuses("GET /v1/me", problem(api.NotSignedIn, ""))
	for name, w := range map[string]*httptest.ResponseRecorder{"a page": get(h, "/console/"), "nothing": get(h, "/console/x"), "a file that is not there": get(h, "/console/assets/x.js"),
		"a redirect": get(away.console(), "/console/"), "a foreign form": post(h, "/console/x", nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })} {
		for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"} {
			if w.Header().Get(header) == "" {
				t.Errorf("%s (%d) has no %s", name, w.Code, header)
			}
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept", name)
		}
	}
}

func TestRefusedStandsBesideItsField(t *testing.T) {
	p := problem(api.Invalid, "The body does not fit the contract.")
	p.Errors = append(p.Errors, struct {
		Message string `json:"message"`
		Pointer string `json:"pointer"`
	}{"it is no prefix", "/prefixes/0"}, struct {
		Message string `json:"message"`
		Pointer string `json:"pointer"`
	}{"it is empty", "/name"}, struct {
		Message string `json:"message"`
		Pointer string `json:"pointer"`
	}{"it is odd", "/elsewhere"})
	form := &page.Form{Values: url.Values{"addresses": {"x"}, "name": {""}}}
	if !console.Refused(form, &api.Error{Problem: p}, "prefixes", "addresses") {
		t.Fatal("it is no fault of the form")
	}
	if form.Error("addresses") != "it is no prefix" || form.Error("name") != "it is empty" || !strings.Contains(form.Problem, "/elsewhere: it is odd") {
		t.Errorf("%+v", form)
	}
	for _, kind := range []api.ProblemType{api.Forbidden, api.Stale, api.Unavailable, api.NotFound} {
		if console.Refused(&page.Form{}, &api.Error{Problem: problem(kind, "")}) {
			t.Errorf("%s is taken for a fault of the form", kind)
		}
	}
	if console.Refused(&page.Form{}, errors.New("something else")) {
		t.Error("any error is a fault of the form")
	}
}
