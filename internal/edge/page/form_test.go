package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/page"
)

func clock() time.Time { return now }

func TestFormKeepsWhatWasTypedAndSaysWhatIsWrong(t *testing.T) {
	k, _ := surface(t, map[string]string{"form": `<form>{{template "key" .}}{{template "faults" .}}
{{template "field" (field . "name" "Name" "hint" "As in the contract." "required" true "max" 40)}}
{{template "textarea" (field . "why" "Why" "rows" 2)}}
{{template "choice" (field . "world" "Environment" "options" (options))}}
{{template "radios" (field . "mode" "Mode" "options" (options))}}
{{template "checks" (field . "worlds" "Environments" "options" (options))}}
{{template "check" (field . "sure" "I am sure")}}
{{template "upload" (field . "file" "File" "accept" ".pdf")}}</form>`}, func(c *page.Config) {
		c.Funcs = map[string]any{"options": func() []page.Option {
			return []page.Option{{"sandbox", "Sandbox", ""}, {"production", "Production", "live"}}
		}}
	})
	form, err := page.NewForm(nil, "name", `"><script>x`, "why", "\nbecause </textarea>", "world", "production", "mode", "sandbox", "worlds", "production", "sure", "yes")
	if err != nil {
		t.Fatal(err)
	}
	form.Refuse("name", "It is too long.")
	form.Refuse("name", "a second fault is not told")
	if !form.Bad() || form.Error("name") != "It is too long." {
		t.Error(form.Errors)
	}
	text := show(k, "/t/", "form", page.View{Title: "Form", Data: form}).Body.String()
	name := find(t, text, "input", "id", "name")
	if attr(name, "value") != `"><script>x` || attr(name, "aria-invalid") != "true" || attr(name, "aria-describedby") != "name-hint name-error" || attr(name, "maxlength") != "40" {
		t.Errorf("%+v", name.Attr)
	}
	if fault := find(t, text, "p", "id", "name-error"); fault == nil || fault.FirstChild.Data != "It is too long." {
		t.Error("the fault does not stand beside its field")
	}
	if why := find(t, text, "textarea", "id", "why"); why == nil || why.FirstChild.Data != "\nbecause </textarea>" {
		t.Errorf("what was typed into a textarea is not kept: %q", why.FirstChild.Data)
	}
	for _, chosen := range []struct{ element, attribute, value, mark string }{
		{"option", "value", "production", "selected"}, {"input", "name", "sure", "checked"}, {"input", "name", "mode", "checked"},
	} {
		n := find(t, text, chosen.element, chosen.attribute, chosen.value)
		found := false
		for _, a := range n.Attr {
			found = found || a.Key == chosen.mark
		}
		if !found {
			t.Errorf("%+v is not chosen", chosen)
		}
	}
	if strings.Count(text, " checked") != 3 {
		t.Errorf("%d boxes are ticked, not three", strings.Count(text, " checked"))
	}
	if key := find(t, text, "input", "name", page.KeyName); key == nil || len(attr(key, "value")) != 22 {
		t.Error("the form has no key of 128 bits")
	}
}

func TestASlipInATemplateIsFound(t *testing.T) {
	for _, slip := range []string{`{{template "field" (field . "a" "A" "hnit" "x")}}`, `{{template "field" (field . "a" "A" "max" "40")}}`,
		`{{template "field" (field . "a" "A" "hint")}}`, `{{template "confirm" (confirm . "/t/do" "Do" "dangre" true)}}`, `{{asset "none.js"}}`} {
		k, logged := surface(t, map[string]string{"form": slip})
		form, _ := page.NewForm(nil)
		if w := show(k, "/t/", "form", page.View{Title: "Form", Data: form}); w.Code != http.StatusInternalServerError || len(*logged) != 1 {
			t.Errorf("%s: %d", slip, w.Code)
		}
	}
}

func TestEachFormHasAKeyOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		form, err := page.NewForm(nil)
		if err != nil || seen[form.Key] {
			t.Fatal(err, "the same key twice")
		}
		seen[form.Key] = true
	}
	if _, err := page.NewForm(strings.NewReader("short")); err == nil {
		t.Error("a form without randomness has a key")
	}
}

func TestReadFormTakesOurFormsAlone(t *testing.T) {
	read := func(body, kind string, limit int64) (*page.Form, error) {
		r := httptest.NewRequest(http.MethodPost, "/t/do?name=of+the+address", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		return page.ReadForm(httptest.NewRecorder(), r, limit)
	}
	const form = "application/x-www-form-urlencoded"
	good := url.Values{page.KeyName: {"abc_-123"}, "name": {"Acme & Co"}, "worlds": {"a", "b"}}.Encode()
	f, err := read(good, form, 0)
	if err != nil || f.Key != "abc_-123" || f.Value("name") != "Acme & Co" || !f.Has("worlds", "b") || f.Has("worlds", "c") {
		t.Errorf("%+v, %v", f, err)
	}
	if f, _ := read("", form, 0); f.Value("name") != "" {
		t.Error("what stands in the address was taken for what was typed")
	}
	for name, key := range map[string]string{"long": strings.Repeat("a", 65), "a header": "a\r\nX: y", "not ASCII": "ключ"} {
		if f, err := read(url.Values{page.KeyName: {key}}.Encode(), form, 0); err != nil || f.Key != "" {
			t.Errorf("a key that is %s: %+v %v", name, f, err)
		}
	}
	if _, err := read("name="+strings.Repeat("x", 100), form, 50); !errors.Is(err, page.ErrForm) {
		t.Errorf("a form that is too long: %v", err)
	}
	var long *http.MaxBytesError
	if _, err := read("name="+strings.Repeat("x", 100), form, 50); !errors.As(err, &long) {
		t.Error("it cannot be told from one that cannot be read")
	}
	if _, err := read("name=%zz", form, 0); !errors.Is(err, page.ErrForm) {
		t.Errorf("a bad encoding: %v", err)
	}
	var none *page.Form
	if none.Value("x") != "" || none.Error("x") != "" || none.Has("x", "") || none.Bad() {
		t.Error("no form has something")
	}
}

func TestLinksNeverLeadElsewhere(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{page.Path("/console/partners", "ptn_1", "networks"), "/console/partners/ptn_1/networks"},
		{page.Path("/console/partners", "../../sign-in"), "/console/partners/..%2F..%2Fsign-in"},
		{page.Path("/console/partners", "..", "x"), "/console/partners/-/x"},
		{page.Path("/console/partners/", ""), "/console/partners/-"},
		{page.Path("/console/partners", "a b?c#d"), "/console/partners/a%20b%3Fc%23d"},
		{page.Link("/x", "q", `a&b="c"`, "empty", ""), "/x?q=a%26b%3D%22c%22"},
		{page.Link("/x", "q", ""), "/x"},
		{page.Link("/x", "odd"), "/x"},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
	for _, good := range []string{"/", "/console/", "/console/partners?q=a%20b", "/a//b"} {
		if !page.Here(good) {
			t.Errorf("%q is not here", good)
		}
	}
	for _, bad := range []string{"", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\nb", "/\t/evil", "/ü", "javascript:alert(1)", "/" + strings.Repeat("a", 3000)} {
		if page.Here(bad) {
			t.Errorf("%q is taken for a place here", bad)
		}
	}
}

func FuzzHere(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a?b=c", "http://x"} {
		f.Add(s)
	}
	home, _ := url.Parse("https://home.example/sign-in/")
	f.Fuzz(func(t *testing.T, next string) {
		if !page.Here(next) {
			return
		}
		u, err := home.Parse(next)
		if err != nil || u.Host != "home.example" || u.Scheme != "https" {
			t.Errorf("%q leads to %v (%v)", next, u, err)
		}
	})
}

func FuzzReadForm(f *testing.F) {
	f.Add("idempotency_key=abc&name=x")
	f.Add("%zz=&;=")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := page.ReadForm(httptest.NewRecorder(), r, 1<<10)
		if err != nil {
			if !errors.Is(err, page.ErrForm) {
				t.Error(err)
			}
			return
		}
		if strings.Trim(form.Key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(form.Key) > 64 {
			t.Errorf("the key %q", form.Key)
		}
	})
}
