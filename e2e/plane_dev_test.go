package e2e_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDevSignsAVisitorIn by the link that it prints, and a program by its token, on a plane that answers for this machine alone.
func TestDevSignsAVisitorIn(t *testing.T) {
	d := start(t, folder(t))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	page, token, ok := strings.Cut(d.Admin.SignInLink, "#")
	if !ok || !strings.HasPrefix(page, d.Admin.URL+"/") {
		t.Fatalf("the link is %q, the plane at %q", d.Admin.SignInLink, d.Admin.URL)
	}
	holds(t, d.stdout, d.Admin.SignInLink)
	if status, body := d.plane(t, browser, "GET", d.Admin.URL+"/v1/partners", "", nil); status != http.StatusUnauthorized || strings.Contains(body, "Demo Partner") {
		t.Errorf("before the sign-in: %d %s", status, body)
	}
	form := url.Values{"token": {token}}.Encode()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {d.Admin.URL}, "Sec-Fetch-Site": {"same-origin"}}
	if status, body := d.plane(t, browser, "POST", page, form, header); status != http.StatusOK || !strings.Contains(body, "demo@localhost") {
		t.Fatalf("the sign-in: %d %s", status, body)
	}
	if status, body := d.plane(t, browser, "GET", d.Admin.URL+"/v1/partners", "", nil); status != http.StatusOK || !strings.Contains(body, "Demo Partner") {
		t.Errorf("after the sign-in: %d %s", status, body)
	}
	stranger := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://evil.example"}}
	if status, _ := d.plane(t, &http.Client{}, "POST", page, form, stranger); status/100 == 2 {
		t.Errorf("another origin signs in: %d", status)
	}
	if status, body := d.plane(t, browser, "GET", d.Admin.URL+"/v1/partners", "", http.Header{"Host": {"evil.example"}}); status/100 == 2 {
		t.Errorf("another host is answered (DNS rebinding): %d %s", status, body)
	}
}

// TestTheCommandLineOverDevsPlane: the same verbs with --server and the token that dev prints.
func TestTheCommandLineOverDevsPlane(t *testing.T) {
	d := start(t, folder(t))
	here := exec.CommandContext(t.Context(), binary(t), "partner", "list", "--data", d.data)
	there := exec.CommandContext(t.Context(), binary(t), "partner", "list", "--server", d.Admin.URL)
	there.Env = append(there.Environ(), "COUNTERSIGN_TOKEN="+d.Admin.ServiceToken, "HOME="+t.TempDir())
	local, err := here.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, local)
	}
	remote, err := there.CombinedOutput()
	if err != nil || string(local) != string(remote) || !strings.Contains(string(local), "Demo Partner") {
		t.Errorf("%v\non the disk\n%s\nover the plane\n%s", err, local, remote)
	}
	mustStop(t, d)
	again := start(t, d.data)
	if again.Admin.ServiceToken != d.Admin.ServiceToken || again.Admin.SignInLink == d.Admin.SignInLink {
		t.Error("a second start keeps the token and has a link of its own")
	}
}

// plane sends one request to the operators' plane.
func (d *dev) plane(t *testing.T, client *http.Client, method, target, body string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
