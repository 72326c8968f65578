package desired

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/config/document"
)

// The bounds of a limit, as the contract has them.
const (
	maxRate  = 1_000_000
	maxDaily = 1_000_000_000_000
	maxSpan  = 24 * time.Hour
)

func (r *reader) partner(n *document.Node, path string) api.DesiredPartner {
	var p api.DesiredPartner
	r.at(path, n)
	r.mapping(n, "a partner", map[string]func(*document.Node){
		"name":   func(n *document.Node) { p.Name = r.name(n) },
		"closed": func(n *document.Node) { p.Closed = r.truth(n) },
		"environments": func(n *document.Node) {
			if n.Kind != document.Mapping {
				r.fail(n, "environments is a mapping", "write each environment's name as a key, and below it review, networks and limits")
				return
			}
			for i, e := range n.Entries {
				p.Environments = append(p.Environments, r.environment(e, fmt.Sprintf("%s.environments[%d]", path, i)))
			}
		},
	}, "name")
	if p.Closed && len(p.Environments) > 0 {
		r.fail(n.Get("environments").Value, "a partner that is closed has no environments", "leave out closed or environments")
	}
	return p
}

// name takes the name of a partner, by which the file is matched with the register.
func (r *reader) name(n *document.Node) string {
	name := r.text(n, "a partner's name")
	if name != strings.TrimSpace(name) {
		r.fail(n, "a name has no blanks around it", "")
	}
	if line, doubled := r.names[name]; doubled && name != "" {
		r.fail(n, fmt.Sprintf("partner %q stands in line %d already", name, line), "put both into one entry")
	}
	r.names[name] = n.Line
	return name
}

func (r *reader) environment(e document.Entry, path string) api.DesiredEnvironment {
	environment := api.DesiredEnvironment{Name: e.Key}
	r.places[path] = place{e.Line, e.Column}
	r.mapping(e.Value, "an environment of a partner", map[string]func(*document.Node){
		"review": func(n *document.Node) {
			if environment.Requested = r.text(n, "review") == "requested"; !environment.Requested {
				r.fail(n, "review can only be requested", "approving is a second person's decision: countersign partner approve")
			}
		},
		"networks": func(n *document.Node) {
			list := []api.DesiredNetwork{}
			for i, item := range r.sequence(n, "networks") {
				list = append(list, r.network(item, fmt.Sprintf("%s.networks[%d]", path, i)))
			}
			environment.Networks = &list
		},
		"limits": func(n *document.Node) {
			list := []api.DesiredLimit{}
			for i, item := range r.sequence(n, "limits") {
				list = append(list, r.limit(item, fmt.Sprintf("%s.limits[%d]", path, i)))
			}
			environment.Limits = &list
		},
	})
	return environment
}

// network is a prefix alone, or a mapping.
func (r *reader) network(n *document.Node, path string) api.DesiredNetwork {
	var network api.DesiredNetwork
	r.at(path, n)
	prefix := func(n *document.Node) { network.Prefix = r.prefix(n) }
	if n.Kind != document.Mapping {
		prefix(n)
		return network
	}
	r.mapping(n, "a network rule", map[string]func(*document.Node){
		"prefix":  prefix,
		"country": func(n *document.Node) { network.Country = r.country(n) },
		"api":     func(n *document.Node) { network.API = r.text(n, "an API's name") },
		"note":    func(n *document.Node) { network.Note = r.text(n, "a note") },
	})
	if (n.Get("prefix") == nil) == (n.Get("country") == nil) {
		r.fail(n, "a network rule has a prefix or a country", "write one of both; several rules are several entries")
	}
	return network
}

// prefix reads an address or a prefix; the plane reads it once more.
func (r *reader) prefix(n *document.Node) string {
	text := r.text(n, "a prefix")
	if text == "" {
		return ""
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return text
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		r.fail(n, fmt.Sprintf("%q is not a network", text), "write an address and a length, for example 203.0.113.0/24")
	case prefix != prefix.Masked():
		r.fail(n, text+" has bits beyond its length", fmt.Sprintf("did you mean %s or %s?", prefix.Masked(), prefix.Addr()))
	case prefix.Bits() == 0:
		r.fail(n, text+" is every address", "an API that wants no list of addresses says so in the configuration (addresses: off)")
	}
	return text
}

// country reads two letters; XX and ZZ stand for no country.
func (r *reader) country(n *document.Node) string {
	text := r.text(n, "a country")
	code := strings.ToUpper(text)
	if text != "" && (len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || code == "XX" || code == "ZZ") {
		r.fail(n, fmt.Sprintf("%q is not a country", text), "two letters of ISO 3166-1, for example DE")
	}
	return code
}

func (r *reader) limit(n *document.Node, path string) api.DesiredLimit {
	var limit api.DesiredLimit
	r.at(path, n)
	r.mapping(n, "a limit", map[string]func(*document.Node){
		"api":        func(n *document.Node) { limit.API = r.text(n, "an API's name") },
		"credential": func(n *document.Node) { limit.CredentialID = r.text(n, "a credential's id") },
		"rate":       func(n *document.Node) { limit.Rate, limit.PerSeconds = r.rate(n) },
		"burst":      func(n *document.Node) { limit.Burst = int(r.number(n, maxRate)) },
		"daily":      func(n *document.Node) { limit.Daily = r.number(n, maxDaily) },
	})
	if n.Kind == document.Mapping && n.Get("rate") == nil && n.Get("daily") == nil {
		r.fail(n, "a limit has a rate, a daily quota or both", "for example {rate: 50/s, daily: 100000}")
	}
	if n.Get("rate") == nil && n.Get("burst") != nil {
		r.fail(n.Get("burst").Value, "a burst needs a rate", "")
	}
	if n.Get("burst") == nil {
		limit.Burst = limit.Rate
	}
	return limit
}

// rate reads 50/s, 100/m, 1000/h, 10000/d or a number per span, 20/10s.
func (r *reader) rate(n *document.Node) (rate int, seconds int64) {
	text := r.text(n, "a rate")
	rate, span, ok := ParseRate(text)
	if text != "" && !ok {
		r.fail(n, fmt.Sprintf("not a rate: %q", text), "write requests for a span of 1 s to 24 h: 50/s, 600/m, 5000/h, 100000/d or 10/30s")
	}
	return rate, int64(span / time.Second)
}

// ParseRate reads a rate as people write it: 50/s, 100/m, 1000/h, 10000/d, 20/10s. The span is of whole seconds, 1 s to 24 h.
func ParseRate(text string) (rate int, span time.Duration, ok bool) {
	count, per, found := strings.Cut(text, "/")
	rate, err := strconv.Atoi(count)
	if !found || err != nil || rate < 1 || rate > maxRate || strconv.Itoa(rate) != count {
		return 0, 0, false
	}
	switch per {
	case "d":
		return rate, 24 * time.Hour, true
	case "s", "m", "h":
		per = "1" + per
	}
	span, err = time.ParseDuration(per)
	if err != nil || span < time.Second || span > maxSpan || span%time.Second != 0 {
		return 0, 0, false
	}
	return rate, span, true
}
