package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/internal/config/document"
	"countersign.dev/internal/registry"
	"countersign.dev/scheme"
)

// applyBounds are those of a file for apply: some 100,000 partners with three rules each.
var applyBounds = document.Bounds{Bytes: 32 << 20, Lines: 2_000_000, Tokens: 8_000_000, Levels: 10, Words: 4096}

// applyReader turns a file into what the register is to hold. It reads strictly (security rule 35): every problem is told with
// its line and column, and a file with one problem is no file at all.
type applyReader struct {
	file     string
	problems document.Problems
	places   map[string]*document.Node // of the items that the registry may complain about, by their path
	names    map[string]int            // line of each partner
}

// parseDesired reads a file for apply, which is untrusted. The map leads from the path of an item, as registry.ApplyError has
// it, to where it stands. The error is always document.Problems.
func parseDesired(file string, text []byte) (registry.Desired, map[string]*document.Node, error) {
	root, err := document.Parse(file, text, applyBounds)
	if err != nil {
		return registry.Desired{}, nil, err
	}
	r := &applyReader{file: file, places: map[string]*document.Node{}, names: map[string]int{}}
	var desired registry.Desired
	r.mapping(root, "the file", map[string]func(*document.Node){
		"partners": func(n *document.Node) {
			for i, item := range r.sequence(n, "partners") {
				desired.Partners = append(desired.Partners, r.partner(item, fmt.Sprintf("partners[%d]", i)))
			}
		},
	}, "partners")
	if len(r.problems) > 0 {
		return registry.Desired{}, nil, r.problems.Sorted()
	}
	return desired, r.places, nil
}

func (r *applyReader) partner(n *document.Node, path string) registry.DesiredPartner {
	var p registry.DesiredPartner
	r.places[path] = n
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
func (r *applyReader) name(n *document.Node) string {
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

func (r *applyReader) environment(e document.Entry, path string) registry.DesiredEnvironment {
	environment := registry.DesiredEnvironment{Name: e.Key}
	r.places[path] = &document.Node{Line: e.Line, Column: e.Column}
	r.mapping(e.Value, "an environment of a partner", map[string]func(*document.Node){
		"review": func(n *document.Node) {
			if environment.Requested = r.text(n, "review") == "requested"; !environment.Requested {
				r.fail(n, "review can only be requested", "approving is a second person's decision: countersign partner approve")
			}
		},
		"networks": func(n *document.Node) {
			environment.Networks = []registry.DesiredNetwork{}
			for i, item := range r.sequence(n, "networks") {
				environment.Networks = append(environment.Networks, r.network(item, fmt.Sprintf("%s.networks[%d]", path, i)))
			}
		},
		"limits": func(n *document.Node) {
			environment.Limits = []registry.DesiredLimit{}
			for i, item := range r.sequence(n, "limits") {
				environment.Limits = append(environment.Limits, r.limit(item, fmt.Sprintf("%s.limits[%d]", path, i)))
			}
		},
	})
	return environment
}

// network is a prefix alone, or a mapping.
func (r *applyReader) network(n *document.Node, path string) registry.DesiredNetwork {
	var network registry.DesiredNetwork
	r.places[path] = n
	prefix := func(n *document.Node) {
		var err error
		if network.Prefix, err = parseNetwork(r.text(n, "a prefix")); err != nil {
			r.wrong(n, err)
		}
	}
	if n.Kind != document.Mapping {
		prefix(n)
		return network
	}
	r.mapping(n, "a network rule", map[string]func(*document.Node){
		"prefix": prefix,
		"country": func(n *document.Node) {
			var err error
			if network.Country, err = parseCountry(r.text(n, "a country")); err != nil {
				r.wrong(n, err)
			}
		},
		"api":  func(n *document.Node) { network.API = r.text(n, "an API's name") },
		"note": func(n *document.Node) { network.Note = r.text(n, "a note") },
	})
	if (n.Get("prefix") == nil) == (n.Get("country") == nil) {
		r.fail(n, "a network rule has a prefix or a country", "write one of both; several rules are several entries")
	}
	return network
}

func (r *applyReader) limit(n *document.Node, path string) registry.DesiredLimit {
	var limit registry.DesiredLimit
	r.places[path] = n
	r.mapping(n, "a limit", map[string]func(*document.Node){
		"api":        func(n *document.Node) { limit.API = r.text(n, "an API's name") },
		"credential": func(n *document.Node) { limit.Credential = r.text(n, "a credential's id") },
		"rate": func(n *document.Node) {
			var err error
			if limit.Rate, limit.Per, err = parseRate(r.text(n, "a rate")); err != nil {
				r.wrong(n, err)
			}
		},
		"burst": func(n *document.Node) { limit.Burst = int(r.number(n, math.MaxInt32)) },
		"daily": func(n *document.Node) { limit.Daily = r.number(n, math.MaxInt64) },
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

// mapping hands each value to the reader of its key. An unknown key is a problem, and so is a required one that is missing.
func (r *applyReader) mapping(n *document.Node, what string, keys map[string]func(*document.Node), required ...string) {
	if n.Kind != document.Mapping {
		r.fail(n, what+" is a mapping", "write key: value")
		return
	}
	for _, e := range n.Entries {
		read, known := keys[e.Key]
		if !known {
			var names []string
			for name := range keys {
				names = append(names, name)
			}
			slices.Sort(names)
			hint := scheme.Nearest(e.Key, names)
			if strings.Trim(e.Key, "0123456789abcdefABCDEF") == "" {
				hint = "put an IPv6 network in quotes: its colons are YAML's, too"
			}
			r.fail(&document.Node{Line: e.Line, Column: e.Column}, fmt.Sprintf("unknown key %s", strconv.Quote(e.Key)), hint)
			continue
		}
		read(e.Value)
	}
	for _, name := range required {
		if n.Get(name) == nil {
			r.fail(n, what+" needs "+name, "")
		}
	}
}

func (r *applyReader) sequence(n *document.Node, what string) []*document.Node {
	if n.Kind != document.Sequence {
		r.fail(n, what+" is a list", "write each entry after a dash; [] for none")
	}
	return n.Items
}

func (r *applyReader) text(n *document.Node, what string) string {
	if n.Kind == document.Mapping || n.Kind == document.Sequence || n.Kind == document.Null || n.Text == "" {
		r.fail(n, what+" is a text", "")
		return ""
	}
	return n.Text
}

func (r *applyReader) truth(n *document.Node) bool {
	if n.Kind != document.Bool {
		r.fail(n, "true or false is expected", "")
	}
	return n.Kind == document.Bool && n.Text == "true"
}

func (r *applyReader) number(n *document.Node, most int64) int64 {
	v, err := strconv.ParseInt(n.Text, 10, 64)
	if n.Kind != document.Integer || err != nil || v < 1 || v > most {
		r.fail(n, "a whole number of at least 1 is expected", "")
		return 0
	}
	return v
}
