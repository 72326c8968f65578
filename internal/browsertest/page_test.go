package browsertest_test

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/internal/browsertest"
)

// forms is a site with a form that a script changes, and the answer to it.
func forms(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "been", Value: "here"})
		_, cookie := r.Cookie("been")
		fmt.Fprintf(w, `<!doctype html><title>Form</title><link rel="icon" href="data:,"><p id="been">%t</p><form method="post"><input id="word" name="word" value="before"><button>Go</button></form>
<p id="script">off</p><script>document.getElementById("script").textContent = "on"</script>`, cookie == nil)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintf(w, `<!doctype html><title>Answer</title><p id="word">%s</p>`, r.FormValue("word"))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/"
}

func TestAPageIsDrivenAsByAPerson(t *testing.T) {
	b := browsertest.Open(t)
	url := forms(t)
	p := b.Page(url)
	if got := p.Text("#script"); got != "on" {
		t.Errorf("the script is %s", got)
	}
	p.Type("#word", "after")
	if status := p.Submit("button"); status != http.StatusUnprocessableEntity || p.Text("#word") != "after" || p.URL() != url {
		t.Errorf("status %d, %q at %s", status, p.Text("#word"), p.URL())
	}
	if list := p.Complaints(); len(list) > 0 {
		t.Errorf("the status of the page itself is no complaint: %q", list)
	}
	if status := p.Go(url + "again"); status != http.StatusOK || p.Text("#been") != "true" {
		t.Error("the page has lost its cookie")
	}
	p.Scripts(false)
	p.Go(url)
	if got := p.Text("#script"); got != "off" {
		t.Errorf("without scripts the script is %s", got)
	}
	if other := b.Page(url); other.Text("#been") != "false" {
		t.Error("two pages share their cookies")
	}
}

func TestPicturesAreOfTheLookThatIsAskedFor(t *testing.T) {
	p := browsertest.Open(t).Page(forms(t))
	file := filepath.Join(t.TempDir(), "p.png")
	p.Picture(file, 390, true)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := png.DecodeConfig(f)
	if err != nil || c.Width != 390 {
		t.Errorf("%+v, %v", c, err)
	}
	var wide int
	var dark bool
	p.Eval("innerWidth", &wide)
	p.Eval(`matchMedia("(prefers-color-scheme: dark)").matches`, &dark)
	if wide != 1280 || dark {
		t.Errorf("afterwards the page is %d wide, dark: %t", wide, dark)
	}
}

// TestTheAuthenticatorMakesAPasskey: the device that is not there answers as one that is.
func TestTheAuthenticatorMakesAPasskey(t *testing.T) {
	p := browsertest.Open(t).Page("")
	p.Authenticator()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><title>P</title>") }))
	defer s.Close()
	p.Go("http://localhost:" + s.URL[len("http://127.0.0.1:"):])
	var kind string
	p.Eval(`navigator.credentials.create({publicKey: {challenge: new Uint8Array(32), rp: {name: "t", id: "localhost"}, user: {id: new Uint8Array(8), name: "n", displayName: "n"},
pubKeyCredParams: [{type: "public-key", alg: -7}], authenticatorSelection: {residentKey: "required", userVerification: "required"}}}).then((c) => c.type)`, &kind)
	if kind != "public-key" {
		t.Errorf("it made a %q", kind)
	}
}
