package e2e_test

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// changing are the parts of an answer that differ between any two: id and time. Names and places stay.
var changing = regexp.MustCompile(`(?i)(countersign-request-id: |"request_id":")[0-9a-f]{32}|(countersign-server-time: |"server_time":)[0-9]{10}|(\r\ndate: )[^\r]*`)

// bytesOf sends raw on a connection of its own and returns every byte of the answer, but for id and time. The caller does
// not ask for the connection to be closed, so that an answer which closes it can be told from one which does not.
func (d *dev) bytesOf(t *testing.T, env, raw string) string {
	t.Helper()
	w := d.dial(t, env, "http/1.1")
	w.send(raw)
	var text strings.Builder
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = w.r.ReadString('\n'); err != nil {
			t.Fatalf("after %q: %v", &text, err)
		}
		text.WriteString(line)
	}
	length := regexp.MustCompile(`(?i)\r\ncontent-length: ([0-9]+)\r\n`).FindStringSubmatch(text.String())
	if length == nil {
		t.Fatalf("a refusal without a length: %q", &text)
	}
	n, _ := strconv.ParseInt(length[1], 10, 64) // digits
	if _, err := io.CopyN(&text, w.r, n); err != nil {
		t.Fatal(err)
	}
	if more := w.rest(); more != "" {
		t.Fatalf("bytes behind the answer: %q", more)
	}
	return changing.ReplaceAllString(text.String(), "$1$2$3*")
}

// TestRule9UniformUnauthorized: bad signature, unknown token, a token without form and a credential of the other
// environment are told by the same bytes, in both environments.
func TestRule9UniformUnauthorized(t *testing.T) {
	r := onRecorder(t)
	for _, env := range []string{sandbox, production} {
		here, there := r.Environments[env], r.Environments[map[string]string{sandbox: production, production: sandbox}[env]]
		if here.Card.APIToken == there.Card.APIToken || here.Card.APISecret == there.Card.APISecret {
			t.Fatal("the environments share a credential")
		}
		cases := map[string]func(*call){
			"unknown token":     func(c *call) { c.token = strings.Repeat("ab", 16) },
			"token of no form":  func(c *call) { c.token = "nobody" },
			"other environment": func(c *call) { c.token, c.secret = there.Card.APIToken, there.Card.APISecret },
			"token of here, secret of there": func(c *call) {
				c.secret = there.Card.APISecret
			},
			"app key as API token": func(c *call) { c.token = here.Aggregation.AppKey },
		}
		for _, method := range []string{"GET", "PATCH"} {
			forged := patch("uniform")
			forged.method, forged.signature = method, strings.Repeat("0", 64)
			if method == "GET" {
				forged.body = ""
			}
			want := r.bytesOf(t, env, forged.raw(here))
			if !strings.HasPrefix(want, "HTTP/1.1 401 ") || !strings.Contains(want, `"errors":["unauthorized"]`) {
				t.Errorf("%s %s: a forged signature is answered by %q", env, method, want)
			}
			for name, change := range cases {
				c := forged
				c.signature = ""
				change(&c)
				if got := r.bytesOf(t, env, c.raw(here)); got != want {
					t.Errorf("%s %s: %s can be told from a bad signature:\n%q\n%q", env, method, name, got, want)
				}
			}
		}
	}
}

// TestRule9UniformBeforeAndBehindTheBody: an unknown token may be refused before the body is read, a bad signature cannot;
// the answers do not show the difference, however long the body is.
func TestRule9UniformBeforeAndBehindTheBody(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	for _, size := range []int{1, 4 << 10, 300 << 10, 900 << 10} {
		forged := patch("uniform")
		forged.body, forged.signature = `"`+strings.Repeat("a", size)+`"`, strings.Repeat("0", 64)
		unknown := forged
		unknown.token = strings.Repeat("ab", 16)
		if a, b := r.bytesOf(t, sandbox, forged.raw(e)), r.bytesOf(t, sandbox, unknown.raw(e)); a != b {
			t.Errorf("with a body of %d bytes:\n%q\n%q", size, a, b)
		}
	}
}

// TestOperatorSeesTheOtherEnvironment: what the caller cannot see, the decision line tells.
func TestOperatorSeesTheOtherEnvironment(t *testing.T) {
	r := onRecorder(t)
	c := get("moved")
	c.token, c.secret = r.Environments[sandbox].Card.APIToken, r.Environments[sandbox].Card.APISecret
	r.refused(t, r.signed(t, production, c), 401, "unauthorized", "wrong_environment")
}

// TestRule9UniformAppKey: an app key of the other environment is answered like an unknown one, in both formats.
func TestRule9UniformAppKey(t *testing.T) {
	r := onRecorder(t)
	for _, format := range []string{jsonType, xmlType} {
		c := tokenCall{method: "GET", path: "/v1/customers", accept: format, key: strings.Repeat("cd", 16)}
		want := r.bytesOf(t, production, c.raw(r.Environments[production]))
		if !strings.Contains(want, "10027") {
			t.Errorf("an unknown app key is answered by %q", want)
		}
		for _, key := range []string{r.Environments[sandbox].Aggregation.AppKey, "nobody", r.Environments[production].Card.APIToken} {
			c.key = key
			if got := r.bytesOf(t, production, c.raw(r.Environments[production])); got != want {
				t.Errorf("%s: another key can be told from an unknown one:\n%q\n%q", format, got, want)
			}
		}
	}
}
