package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestCallersSideBySideKeepTheirIdentity: buffers, calls and connections are used again by everybody; each caller gets the
// answer to its own request, decided, forwarded and answered under its own name.
func TestCallersSideBySideKeepTheirIdentity(t *testing.T) {
	d := newWorld(t).open(t)
	d.upstream.answers(func(c net.Conn, a arrival) { // the upstream says back what it was told
		text := a.field("Countersign-Credential") + " " + a.field("Countersign-Request-Id") + " " + a.line + " " + a.body
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Credential: %s\r\n\r\n%s", len(text), a.field("Countersign-Credential"), text)
	})
	token := d.token(d.apps["stray"])
	var callers sync.WaitGroup
	for n := range 8 {
		k := d.dial()
		callers.Go(func() {
			for i := range 25 {
				target, body := fmt.Sprintf("/api/v1/cards?%d-%d", n, i), fmt.Sprintf(`["%d",%q]`, n, strings.Repeat(fmt.Sprint(n), (i*997)%6000))
				c, credential := d.signed(d.keys["good"], "POST", target, body), d.keys["good"].Credential.ID
				switch {
				case n%4 == 1:
					c, credential = d.signed(d.keys["locked"], "POST", target, body), d.keys["locked"].Credential.ID
				case n%4 == 2:
					target = strings.Replace(target, "/api/v1", "/aggregation", 1)
					c, credential = withToken(d.apps["stray"], token, "POST", target, body), d.apps["stray"].Credential.ID
				case i%5 == 4: // refused, in between
					c = c.without("X-Auth-Signature")
				}
				k.send(c.String())
				resp, err := http.ReadResponse(k.in, nil)
				if err != nil {
					t.Errorf("caller %d: %v", n, err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				want := fmt.Sprintf("%s %s POST %s HTTP/1.1 %s", credential, resp.Header.Get("Countersign-Request-Id"), target, body)
				if refused := len(c.fields) == 2 && n%4 != 2; err != nil || refused != (resp.StatusCode == 401) || !refused && (string(got) != want || resp.Header.Get("X-Credential") != credential) {
					t.Errorf("caller %d, request %d: %d %.200s\nwant %.200s", n, i, resp.StatusCode, got, want)
				}
			}
		})
	}
	callers.Wait()
}
