package signin_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// patience is how long a step of the browser may take on a machine that does much else.
const patience = 60 * time.Second

// chromium is a real browser with a virtual authenticator, driven over the DevTools protocol.
type chromium struct {
	t       *testing.T
	conn    *websocket.Conn
	session string
	last    int
}

func newChromium(t *testing.T) *chromium {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing")
	}
	dir, err := os.MkdirTemp("", "chromium-") // not t.TempDir: the browser's children write for a moment after it was killed
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { until(t, "the browser's folder is gone", func() bool { return os.RemoveAll(dir) == nil }) })
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-crash-reporter", "--remote-debugging-port=0", "--remote-allow-origins=http://127.0.0.1", "--user-data-dir="+dir, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var lines []string
	until(t, "the browser listens", func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "DevToolsActivePort"))
		lines = strings.Split(string(text), "\n")
		return len(lines) == 2
	})
	c := &chromium{t: t}
	if c.conn, err = websocket.Dial("ws://127.0.0.1:"+lines[0]+lines[1], "", "http://127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	c.conn.MaxPayloadBytes = 64 << 20
	t.Cleanup(func() { _ = c.conn.Close() })
	target := c.call("Target.createTarget", map[string]any{"url": "about:blank"})
	c.session, _ = c.call("Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})["sessionId"].(string)
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true})
	c.call("WebAuthn.enable", map[string]any{})
	c.call("WebAuthn.addVirtualAuthenticator", map[string]any{"options": map[string]any{"protocol": "ctap2", "transport": "internal",
		"hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true}})
	return c
}

func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !true(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(20 * time.Millisecond) // polls another process; what is waited for is the condition
	}
}

// call sends one command and waits for its answer; events in between are passed over.
func (c *chromium) call(method string, params map[string]any) map[string]any {
	c.t.Helper()
	c.last++
	command := map[string]any{"id": c.last, "method": method, "params": params}
	if c.session != "" {
		command["sessionId"] = c.session
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if err := websocket.JSON.Send(c.conn, command); err != nil {
		c.t.Fatal(err)
	}
	for {
		var got struct {
			ID     int            `json:"id"`
			Result map[string]any `json:"result"`
			Error  map[string]any `json:"error"`
		}
		if err := websocket.JSON.Receive(c.conn, &got); err != nil {
			c.t.Fatal(err)
		}
		if got.ID == c.last {
			if got.Error != nil {
				c.t.Fatalf("%s: %v", method, got.Error)
			}
			return got.Result
		}
	}
}

// eval evaluates an expression in the page; while the page is changing there is no value.
func (c *chromium) eval(expression string) any {
	c.t.Helper()
	result, _ := c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "userGesture": true})["result"].(map[string]any)
	return result["value"]
}

// at waits until the page has this path and its script has run.
func (c *chromium) at(path string) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			c.t.Log(c.eval("location.href + ' ' + document.body.innerText"))
		}
	}()
	until(c.t, "the page "+path, func() bool {
		return c.eval(fmt.Sprintf("location.pathname === %q && document.readyState === 'complete'", path)) == true
	})
	if wide, _ := c.eval("document.documentElement.scrollWidth").(float64); wide > 390 {
		c.t.Errorf("%s is %v wide, on a screen of 390", path, wide)
	}
	for _, problem := range []string{
		"[...document.querySelectorAll('input:not([type=hidden])')].filter(i => !i.labels.length).map(i => i.name).join()",
		"[...document.querySelectorAll('button, a.button')].filter(b => b.offsetHeight && b.offsetHeight < 44).map(b => b.textContent).join()",
	} {
		if found := c.eval(problem); found != "" {
			c.t.Errorf("%s: without a label, or too small to touch: %v", path, found)
		}
	}
	c.picture(path)
}

// picture keeps a picture of the page where somebody wants to look at it.
func (c *chromium) picture(path string) {
	dir := os.Getenv("SIGNIN_PICTURES")
	if dir == "" {
		return
	}
	data, _ := c.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true})["data"].(string)
	body, _ := base64.StdEncoding.DecodeString(data)
	name := fmt.Sprintf("%02d%s.png", c.last, strings.ReplaceAll(path, "/", "-"))
	if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil {
		c.t.Error(err)
	}
}

func (c *chromium) open(url string) {
	c.t.Helper()
	c.eval("window.former = true")
	c.call("Page.navigate", map[string]any{"url": url})
	until(c.t, "the former page is left", func() bool { return c.eval("!window.former") == true })
}

func (c *chromium) fill(id, text string) {
	c.t.Helper()
	value, _ := json.Marshal(text)
	c.eval(fmt.Sprintf("document.getElementById(%q).value = %s", id, value))
}

func (c *chromium) press(text string) {
	c.t.Helper()
	if c.eval(fmt.Sprintf("(() => { const b = [...document.querySelectorAll('button, a')].find(b => b.textContent.trim() === %q); if (b) b.click(); return !!b })()", text)) != true {
		c.t.Fatalf("there is no %q: %v", text, c.eval("document.body.innerText"))
	}
}

// TestARealBrowserRegistersSignsInAndRecovers: the pages and their script, under their policy, with a virtual authenticator.
func TestARealBrowserRegistersSignsInAndRecovers(t *testing.T) {
	c := newChromium(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(cfg *signin.Config) {
		cfg.PublicURL = fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
		cfg.OIDC = &signin.OIDC{Issuer: "https://id.example.com", ClientID: "countersign", Roles: map[string][]operator.Role{"staff": {operator.Viewer}}}
	})
	server := &http.Server{Handler: w.handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	base := w.cfg.PublicURL

	link, err := w.register.InviteFirst(ctx, local)
	w.must(err)
	c.open(signin.Link(base, string(link.Token.Bytes())))
	c.at("/sign-in/welcome")
	c.fill("login", "root@example.com")
	c.fill("name", "Root of Example")
	c.press("Register a passkey")
	until(t, "the recovery codes", func() bool {
		return c.eval("document.querySelectorAll('#codelist li').length") == float64(operator.RecoveryCodes)
	})
	c.picture("/codes")
	shown := "[...document.querySelectorAll('button, a.button')].filter(b => b.offsetHeight).map(b => b.textContent.trim()).join()"
	if got := c.eval(shown); got != "I have kept them" {
		t.Errorf("beside the recovery codes somebody can press %v: the link is used up, and the codes would be gone", got)
	}
	if got := c.eval("document.activeElement.id"); got != "codes-title" {
		t.Errorf("the focus is at %v, away from the codes, and nobody who hears the page is told of them", got)
	}
	code, _ := c.eval("document.querySelector('#codelist li').textContent").(string)
	c.press("I have kept them")
	c.at("/sign-in/")
	c.press("Sign out")
	until(t, "signed out", func() bool { return c.eval("!!document.querySelector('[data-passkey=sign-in]')") == true })
	c.open(base + asks("5000"))
	c.at("/sign-in/")
	c.press("Sign in with a passkey")
	c.at("/sign-in/cli")
	if text, _ := c.eval("document.body.innerText").(string); !strings.Contains(text, "root@example.com") || !strings.Contains(text, challenge[:8]) {
		t.Error(text)
	}
	terminal, got := listenAsTerminal(t)
	c.open(base + asks(terminal))
	c.at("/sign-in/cli")
	c.press("Let it in")
	select {
	case q := <-got:
		if _, token, err := w.register.TerminalToken(ctx, q, verifier); err != nil || token.IsZero() {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatalf("nobody came to the terminal: %v", c.eval("location.href"))
	}
	recoverInBrowser(c, w, code)
}

// recoverInBrowser goes on with a recovery code and a new passkey, and looks at the other pages.
func recoverInBrowser(c *chromium, w *world, code string) {
	c.t.Helper()
	base := w.cfg.PublicURL
	w.must(w.endAll())
	c.open(base + "/sign-in/recovery")
	c.at("/sign-in/recovery")
	c.fill("login", "root@example.com")
	c.fill("code", code)
	c.press("Go on")
	c.at("/sign-in/")
	c.open(base + "/sign-in/break-glass")
	c.at("/sign-in/break-glass")
	c.open(base + "/sign-in/nothing")
	c.at("/sign-in/nothing")
	if faults := c.eval("performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length"); faults != float64(0) {
		c.t.Errorf("%v resources come from elsewhere", faults)
	}
}

// endAll ends every session, as an admin can.
func (w *world) endAll() error {
	list, err := w.register.Sessions(ctx, "")
	for _, s := range list {
		if err == nil {
			err = w.register.EndSession(ctx, registry.Actor{Kind: registry.Operator, Name: "root"}, s.ID)
		}
	}
	return err
}

// listenAsTerminal is the loopback listener of a terminal; the code comes over the channel.
func listenAsTerminal(t *testing.T) (port string, code chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	code = make(chan string, 1)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("state") == state && q.Get("code") != "" {
			code <- q.Get("code")
		}
		_, _ = w.Write([]byte("You can close this page."))
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port), code
}
