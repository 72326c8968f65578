package problem_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"countersign.dev/internal/edge/problem"
)

var update = flag.Bool("update", false, "rewrite docs/refusals.md")

const document = "../../../docs/refusals.md"

const preface = `# Refusals

What a refused caller hears, and what to do about it. This file is generated from the only table that has it:
` + "`go test ./internal/edge/problem -update`" + ` rewrites it after a change of ` + "`internal/edge/problem/table.go`" + `.

The reason stands in the decision line and in the metrics. The caller learns it as told here:

- **signed APIs** answer ` + "`" + `{"status":"error","errors":["CODE"],"message":"…","request_id":"…","server_time":1763625600}` + "`" + `;
  so does the gateway where no API was found.
- **token APIs** answer ` + "`" + `{"code":10001,"message":"…"}` + "`" + ` or the same as ` + "`" + `<error><code/><message/></error>` + "`" + `: JSON where Accept names it, then XML where
  Accept names that, else as the request's Content-Type says, else XML.
- **exact** tells what happened. **uniform** is one answer for all these reasons on signed APIs, byte for byte but for request id and time, because
  the caller has not proved who it is; token APIs answer with their vendor's codes. **silent** is never written.
- Every refusal carries ` + "`Cache-Control: no-store`" + `, ` + "`Countersign-Request-Id`" + ` and ` + "`Countersign-Server-Time`" + `; a 401 a constant ` + "`WWW-Authenticate`" + `,
  a 405 ` + "`Allow`" + `, a 429 and some 503 ` + "`Retry-After`" + `.
- Where a limit of the partner or the credential applies, the answers to let-in and to limited requests carry ` + "`RateLimit-Policy`" + ` and ` + "`RateLimit`" + ` as
  draft-ietf-httpapi-ratelimit-headers-11 has them: ` + "`" + `RateLimit-Policy: "partner_api";q=100;w=2, "partner_api_day";q=1000000;w=86400` + "`" + ` (of a rate, w is the
  seconds in which a whole burst refills, and q the requests that so many seconds let in) and ` + "`" + `RateLimit: "partner_api";r=42;t=2` + "`" + ` (of the limit that will stop the caller first: how many requests are left,
  and after how many seconds there are more). An upstream's fields of these names are then removed. What is left of a limit that all callers share is not told.
- ` + "`rate_limited`" + ` and ` + "`quota_exceeded`" + `: Retry-After is the seconds until an equal request has room, rounded up. The scope in the decision line's ` + "`where`" + ` says
  whose limit it was: ` + "`api`, `partner_api`, `partner`, `credential_api`, `credential`" + `.
- A request that ends at its raw bytes, before its path was read, gets the JSON of signed APIs, whatever API it was meant for.
- Words in braces stand for facts: a header or parameter from our own lists ("the header X-Auth-Token"), seconds, the address as derived
  and how, a country. Some messages are followed
  by a colon and one more fact from a closed list. Nothing else that the caller sent is ever sent back.

`

func refusals() []byte {
	var b bytes.Buffer
	b.WriteString(preface + "| reason | status | told | signed APIs | token APIs |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range problem.Rows() {
		signed, token := "–", "–"
		if r.SignedCode != "" {
			signed = fmt.Sprintf("`%s` %s", r.SignedCode, r.SignedMessage)
		}
		for i, c := range r.TokenCodes {
			if i == 0 {
				token = ""
			} else {
				token += "<br>"
			}
			token += fmt.Sprintf("%d %s", c.Code, c.Message)
		}
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s | %s |\n", r.Reason, r.Status, r.Telling, signed, token)
	}
	b.WriteString("\n## Causes and cures\n\n| reason | cause | cure |\n| --- | --- | --- |\n")
	for _, r := range problem.Rows() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.Reason, r.Cause, r.Cure)
	}
	return b.Bytes()
}

func TestDocumentIsTheTable(t *testing.T) {
	if *update {
		if err := os.WriteFile(document, refusals(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, refusals()) {
		t.Error("docs/refusals.md is not what the table says; run: go test ./internal/edge/problem -update")
	}
}
