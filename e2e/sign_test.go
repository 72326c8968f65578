package e2e_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mac is the signature of the card API, by hand: timestamp, method, target and body in one row, HMAC-SHA256, lower-case hex.
func mac(secret, ts, method, target, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(m, ts, method, target, body)
	return hex.EncodeToString(m.Sum(nil))
}

// TestSignatureByHand holds mac to a value that another program computed:
// printf '%s' "$input" | openssl dgst -sha256 -hmac secret.
func TestSignatureByHand(t *testing.T) {
	got := mac("secret", "1763625600", "PATCH", "/api/v1/update-card-status/10011000000000000001", `{"token_status":"blocked"}`)
	if want := "f72d9af1f92988ac615d78c3ae72e99b8be19febea9aa3f0a5de862ffab6c9e5"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// call is a signed request before it is spelt out. Its zero fields have defaults; the tests change what they attack.
type call struct {
	method, target, body string
	ts                   string   // "": now
	token, secret        string   // "": those of the environment
	signature            string   // "": computed
	extra                []string // header lines
	bare                 bool     // no Content-Length of ours
	omit                 string   // one header that is left out
}

// now is the caller's time as the protocol wants it.
func now() string { return strconv.FormatInt(time.Now().Unix(), 10) }

// head is the request up to and with the empty line.
func (c call) head(e environment) string {
	if c.ts == "" {
		c.ts = now()
	}
	if c.token == "" {
		c.token = e.Card.APIToken
	}
	if c.secret == "" {
		c.secret = e.Card.APISecret
	}
	if c.signature == "" {
		c.signature = mac(c.secret, c.ts, c.method, c.target, c.body)
		tell(c.signature)
	}
	lines := []string{
		c.method + " " + c.target + " HTTP/1.1", "Host: " + e.address(),
		"X-Auth-Token: " + c.token, "X-Auth-Timestamp: " + c.ts, "X-Auth-Signature: " + c.signature,
	}
	if c.body != "" && !c.bare {
		lines = append(lines, "Content-Type: application/json", "Content-Length: "+strconv.Itoa(len(c.body)))
	}
	if c.omit != "" {
		lines = without(lines, c.omit)
	}
	return strings.Join(append(lines, c.extra...), "\r\n") + "\r\n\r\n"
}

// raw is the whole request.
func (c call) raw(e environment) string {
	if c.bare {
		return c.head(e)
	}
	return c.head(e) + c.body
}

func without(lines []string, header string) (kept []string) {
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, ":"); !strings.EqualFold(name, header) {
			kept = append(kept, line)
		}
	}
	return kept
}

// unique is a target under the card API that no other request has.
func unique(word string) string { return "/api/v1/" + word + "-" + strings.ToLower(rand.Text()) }

// get is an honest signed GET of a target of its own.
func get(word string) call { return call{method: "GET", target: unique(word)} }

// patch is an honest signed PATCH of a target of its own.
func patch(word string) call {
	return call{method: "PATCH", target: unique(word), body: `{"token_status":"blocked"}`}
}

// signed sends c and returns the answer.
func (d *dev) signed(t testing.TB, env string, c call) *answer {
	t.Helper()
	return d.ask(t, env, c.raw(d.Environments[env]))
}
