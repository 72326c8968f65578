package doortest

import (
	"fmt"
	"slices"
	"strings"
)

// tried says of each door how the corpus went through it, in the order of the page.
var tried = []struct{ door, how string }{
	{Middleware, "In the process, over TLS, with `Middleware.Listener`: `internal/edge/doortest.TestRule16EveryDoorDecidesAlike`."},
	{MiddlewareAlone, "The same without the listener: what net/http lets a handler see."},
	{Nginx, "Debian's nginx with the files of `deploy/nginx`, which hands requests over with `proxy_pass` and `X-Accel-Redirect`: `e2e.TestRule16EveryProxyDecidesTheCorpus`."},
	{NginxAuthRequest, "Debian's nginx with `deploy/nginx/auth_request.conf`: the same test."},
	{HAProxy, "Debian's HAProxy with the files of `deploy/haproxy`: the same test."},
	{Caddy, "Debian's Caddy with `deploy/caddy/Caddyfile`: the same test."},
	{Envoy, "No Envoy ran. A synthetic filter over gRPC, made from the protocol definition and from what Envoy's source does before it asks, asks the real checker in the process; the token endpoint is answered as at the gateway. Cases about bytes on the wire are Envoy's own affair and were not sent."},
	{EnvoyHTTP, "The same with the filter's HTTP service: the real handler behind net/http."},
	{Traefik, "No Traefik ran. A synthetic ForwardAuth with `forwardBody` asks the real handler in the process; cases about bytes on the wire were not sent."},
}

// Page is docs/doors.md.
func Page() string {
	var b strings.Builder
	all := Corpus()
	fmt.Fprintf(&b, `# Every door decides alike, or the difference is listed

<!-- Made of internal/edge/doortest by: go test ./internal/edge/doortest -run Page -update -->

One corpus of %d honest and hostile requests, as bytes of HTTP/1.1, goes through every door: the gateway, the check in a Go
service, and the doors for other proxies. For each case and door the status, the reason in the decision record and whether anything
arrives behind the door are compared with the gateway, and where something arrives: method, target, body and identity. What differs
is listed here with its reason. A difference that is not listed fails a test; one that is listed and does not show fails it, too.

`, len(all))
	for _, one := range tried {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", upper(one.door), one.how)
		groups := listed(one.door)
		if len(groups) == 0 {
			b.WriteString("No difference.\n\n")
		}
		for _, g := range groups {
			writeGroup(&b, g)
		}
	}
	b.WriteString("## What the gateway makes of each case\n\n| case | status | reason | arrives |\n| --- | --- | --- | --- |\n")
	for _, c := range all {
		o := c.AtGateway()
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Name, statusText(o.Status), reasonText(o.Reason), yes(o.Passed))
	}
	return b.String()
}

// writeGroup writes the differences that have one reason.
func writeGroup(b *strings.Builder, g group) {
	fmt.Fprintf(b, "%s\n\n", g.because)
	byOutcome := map[Outcome][]string{}
	var order []Outcome
	for _, d := range g.cases {
		if byOutcome[d.Outcome] == nil {
			order = append(order, d.Outcome)
		}
		byOutcome[d.Outcome] = append(byOutcome[d.Outcome], d.Case)
	}
	b.WriteString("| at this door | cases |\n| --- | --- |\n")
	for _, o := range order {
		slices.Sort(byOutcome[o])
		arrives := ""
		if o.Passed {
			arrives = ", arrives"
		}
		fmt.Fprintf(b, "| %s %s%s | %s |\n", statusText(o.Status), reasonText(o.Reason), arrives, strings.Join(byOutcome[o], "; "))
	}
	b.WriteString("\n")
}

func statusText(status int) string {
	if status == 0 {
		return "no answer"
	}
	return fmt.Sprint(status)
}

func reasonText(reason string) string {
	if reason == "" {
		return "(no decision is known)"
	}
	return "`" + reason + "`"
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
