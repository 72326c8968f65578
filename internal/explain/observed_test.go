package explain_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/explain"
	"github.com/google/go-cmp/cmp"
)

// TestCurlLinesAreReadAsCurlReadsThem: the real curl, started by a real shell, sends what is read from the same line.
func TestCurlLinesAreReadAsCurlReadsThem(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is not installed, and CI=true allows no skipping")
		}
		t.Skip("curl is not installed")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "body"), []byte("line 1\r\nline 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`curl URL/`,
		`curl URL`,
		`curl "URL/a%2Fb?x=1&y='z'" -H 'X-One: a  b' -H "X-Two:  c "`,
		`curl 'URL?only=query#fragment'`,
		`curl -X PATCH URL/x -d '{"a": 1}' -H 'Content-Type: application/json'`,
		`curl -XDELETE URL/x`,
		`curl -sSXPUT URL/x -d a -d 'b c' --data-raw '@d' --data-binary @body`,
		`curl URL/x -d @body`,
		`curl URL/x --data-binary @body -H 'Content-Type:'`,
		`curl URL/x --data-urlencode 'q=a b/c+d&é' --data-urlencode 'plain text'`,
		`curl -G URL/x?a=1 -d b=2 --data-urlencode 'c= '`,
		`curl -G URL/x -d b=2`,
		`curl --json '{"a":' --json '1}' URL/x`,
		`curl -I URL/x`,
		`curl -u 'user:pass word' -A agent/1 -e http://ref/ -b 'c=d' URL/x`,
		`curl $'URL/x' -d $'{"a":"\u00e9\x41\101\n\t\'"}'`,
		"curl URL/x \\\n  -H 'X-A: 1' \\\n  --data 'x'",
		`curl URL/x -H "X-Q: \"q\" \\ \z" -d a\ b\"c`,
		`curl --url URL/x --request POST -H 'Host: other.example' -H 'X-Empty;'`,
		`curl --path-as-is URL/a/../b -d ''`,
		`curl -gsS -m 50 --max-time 60 -o /dev/null URL/'x?y=[1]'`,
	} {
		url, received := listen(t)
		actual := strings.ReplaceAll(line, "URL", url)
		cmd := exec.Command("sh", "-c", actual)
		if strings.Contains(actual, "$'") {
			if _, err := exec.LookPath("bash"); err != nil {
				continue
			}
			cmd = exec.Command("bash", "-c", actual)
		}
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "http_proxy=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: curl: %v %s", line, err, out)
			continue
		}
		want, err := explain.ParseRaw(<-received)
		if err != nil {
			t.Fatal(err)
		}
		got, err := explain.ParseCurl(actual, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) })
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for _, own := range []string{"Host", "User-Agent", "Accept", "Content-Length"} { // curl's own
			if len(got.Request.Header[own]) == 0 {
				delete(want.Request.Header, own)
			}
		}
		want.Request.Scheme = "http"
		if diff := cmp.Diff(want.Request, got.Request); diff != "" {
			t.Errorf("%s: sent (-), read (+):\n%s", line, diff)
		}
	}
}

// listen takes one request, whole, and answers it.
func listen(t *testing.T) (url string, received <-chan []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan []byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var text []byte
		buffer := make([]byte, 64<<10)
		for !whole(text) {
			n, err := c.Read(buffer)
			if err != nil {
				return
			}
			text = append(text, buffer[:n]...)
		}
		out <- text
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	}()
	return "http://" + l.Addr().String(), out
}

func whole(text []byte) bool {
	head, body, ok := bytes.Cut(text, []byte("\r\n\r\n"))
	if !ok {
		return false
	}
	o, err := explain.ParseRaw(append(bytes.Clone(head), "\r\n\r\n"...))
	if err != nil {
		return true
	}
	lengths := o.Request.Header["Content-Length"]
	return len(lengths) == 0 || lengths[0] == http.StatusText(0) || len(body) >= atoi(lengths[0])
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

func TestCommandsThatCannotBeRead(t *testing.T) {
	for line, want := range map[string]string{
		"":                                   "not a curl command",
		"wget http://x/":                     "not a curl command",
		"curl":                               "no URL",
		"curl http://a/ http://b/":           "more than one URL",
		"curl 'http://a/":                    "byte 6 of the command line: a quotation without an end",
		"curl \"http://a/$ID\"":              "only a shell can expand",
		"curl http://a/ -H \"X: $(date)\"":   "only a shell can expand",
		"curl http://a/ | jq .":              "more than one command",
		"curl http://a/ --no-such-flag":      "--no-such-flag is not a flag",
		"curl http://a/ -F a=@b":             "boundary",
		"curl http://a/ -H":                  "-H has no value",
		"curl http://a/ -d @file":            "not on the command line",
		"curl ftp://a/":                      "not an http",
		"curl http:///x":                     "no host",
		"curl http://a/ \\":                  "backslash",
		"curl http://a/ $'\\x'":              "an escape without its digits",
		"curl " + strings.Repeat("x", 3<<20): "more than 2097152 bytes",
	} {
		if _, err := explain.ParseCurl(line, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v", line, err)
		}
	}
}

func TestRawRequests(t *testing.T) {
	for name, c := range map[string]struct{ text, target, body, note string }{
		"plain":       {"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "/a?b", "abc", ""},
		"line feeds":  {"POST /a HTTP/1.1\nHost: h\nContent-Length: 3\n\nabc", "/a", "abc", "line feed alone"},
		"no version":  {"GET /a\r\nHost: h\r\n\r\n", "/a", "", ""},
		"absolute":    {"GET https://h:1/a HTTP/1.1\r\n\r\n", "/a", "", ""},
		"chunked":     {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "/a", "abc", ""},
		"cut":         {"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", "/a", "abc", "was cut"},
		"more":        {"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nabc", "/a", "a", "2 more follow"},
		"unannounced": {"POST /a HTTP/1.1\r\n\r\nabc\n", "/a", "abc\n", "your editor's"},
		"head alone":  {"GET /a HTTP/1.1\r\nHost: h", "/a", "", ""},
	} {
		o, err := explain.ParseRaw([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if notes := strings.Join(o.Notes, "; "); o.Request.Target != c.target || string(o.Request.Body) != c.body || !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
			t.Errorf("%s: %q %q %q", name, o.Request.Target, o.Request.Body, notes)
		}
	}
	for _, text := range []string{"", "GET", "GET /a HTTP/1.1\r\nno colon\r\n\r\n", "GET /a HTTP/1.1\r\nContent-Length: x\r\n\r\n", strings.Repeat("x", 3<<20)} {
		if _, err := explain.ParseRaw([]byte(text)); err == nil {
			t.Errorf("%.40q was read", text)
		}
	}
}

func FuzzParseCurl(f *testing.F) {
	for _, line := range []string{`curl -X PATCH http://a/x -d '{"a": 1}' -H "A: b"`, `curl $'http://a/\u00e9' --json x`, "curl -sSGd a=b http://h?x \\\n -I", `curl -`, `curl -d`, `curl $'\`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		o, err := explain.ParseCurl(line, nil)
		if err == nil && (!strings.HasPrefix(o.Request.Target, "/") || o.Request.Host == "" && len(o.Request.Header["Host"]) == 0) {
			t.Errorf("%q: %+v", line, o.Request)
		}
	})
}

func FuzzParseRaw(f *testing.F) {
	f.Add([]byte("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("POST /a HTTP/1.1\nHost: h\nContent-Length: 3\n\nabc"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if o, err := explain.ParseRaw(text); err == nil && o.Request.Method == "" {
			t.Errorf("%q: %+v", text, o.Request)
		}
	})
}
