package doortest

import (
	"regexp"
	"strconv"
	"strings"
)

// The doors, as they are called here and in docs/doors.md.
const (
	Middleware      = "middleware behind its listener"
	MiddlewareAlone = "middleware behind net/http alone"

	Nginx            = "nginx"
	NginxAuthRequest = "nginx with auth_request"
	HAProxy          = "HAProxy"
	Caddy            = "Caddy"
	Envoy            = "ext_authz of Envoy, synthetic"
	EnvoyHTTP        = "ext_authz of Envoy over HTTP, synthetic"
	Traefik          = "Traefik, synthetic"
)

// Outcome is what a door made of a case.
type Outcome struct {
	Status int    // of the answer; 0: the connection ended without one
	Reason string // in the decision record; empty: no decision was taken, something before the door answered
	Passed bool   // it arrived at what is protected
}

// AtGateway is the outcome of a case at the gateway.
func (c *Case) AtGateway() Outcome {
	return Outcome{Status: c.Status, Reason: c.Reason, Passed: c.Passes()}
}

// Difference is a case of which a door makes something else than the gateway.
type Difference struct {
	Case string
	Outcome
	Because string
}

// DifferencesOf are the listed differences of a door, by the name of the case. The map is the caller's.
func DifferencesOf(door string) map[string]*Difference {
	all := map[string]*Difference{}
	for _, group := range listed(door) {
		for _, d := range group.cases {
			d.Because = group.because
			all[d.Case] = &d
		}
	}
	return all
}

// group are differences with one reason.
type group struct {
	because string
	cases   []Difference
}

// made is one row.
func made(name string, status int, reason string, passed bool) Difference {
	return Difference{Case: name, Outcome: Outcome{Status: status, Reason: reason, Passed: passed}}
}

// listed are the groups of a door; nil: it has no differences, or is not known.
func listed(door string) []group {
	switch door {
	case Middleware:
		return inMiddleware()
	case MiddlewareAlone:
		return inMiddlewareAlone()
	case Nginx:
		return rowsOf(nginxRows)
	case NginxAuthRequest:
		return rowsOf(nginxAuthRequestRows)
	case HAProxy:
		return rowsOf(haproxyRows)
	case Caddy:
		return rowsOf(caddyRows)
	case Envoy:
		return inEnvoy()
	case EnvoyHTTP:
		return append(inEnvoy(), elsewhere(421))
	case Traefik:
		return inTraefik()
	}
	return nil
}

// rowsOf reads a list as proxies.go has it. A line that it cannot read becomes a case that does not exist, which a test tells.
func rowsOf(text string) []group {
	var all []group
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if why, begins := strings.CutPrefix(line, "= "); begins {
			all = append(all, group{because: why})
			continue
		}
		head, cases, _ := strings.Cut(line, ": ")
		words := strings.Fields(head)
		if len(words) != 3 || len(all) == 0 {
			if line != "" {
				all = append(all, group{"a line that cannot be read", []Difference{{Case: line}}})
			}
			continue
		}
		status, _ := strconv.Atoi(words[0])
		g := &all[len(all)-1]
		for name := range strings.SplitSeq(cases, "; ") {
			g.cases = append(g.cases, made(name, status, strings.TrimPrefix(words[1], "-"), words[2] == "arrives"))
		}
	}
	return all
}

var varying = regexp.MustCompile(`[0-9a-f]{32}|"server_time":[0-9]+|(ptn|crd)_[0-9a-z]+|[0-9]+ seconds`)

// Plain is a text without what differs between two equal requests: ids and the time.
func Plain(text string) string { return varying.ReplaceAllString(text, "…") }
