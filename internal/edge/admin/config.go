package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/whatif"
)

// Config says what New needs. A field is required unless its comment says what nil means.
type Config struct {
	Registry *registry.Registry
	// Authenticate tells who sends a request; an error that is operator.ErrNotSignedIn is a 401, any other one a 503.
	Authenticate func(*http.Request) (operator.Principal, error)
	// Still tells whether a principal is who it was and may what it might, without counting as a use of its session: a stream asks
	// again and again. An error that is operator.ErrNotSignedIn ends the stream. nil: Authenticate is asked, which counts.
	Still func(context.Context, operator.Principal) error
	// SignIn answers everything outside of /v1/, after the host was checked: sign-in pages. nil: 404.
	SignIn http.Handler

	Questions    Questions                             // nil: what-if and its kin answer 503
	Decisions    []Decisions                           // the decision records, searched one after another; none: searches answer 503
	Tails        Tails                                 // follows the decision record; nil: streams answer 503
	Explanations Explanations                          // of refused requests, from what was kept of them; nil: there are none
	Traffic      Traffic                               // what happens, summed up; nil: 503
	Records      Records                               // how far the records are verified; nil: 503
	Checkpoints  func(record string) ([]byte, error)   // the signed book of "changes" or "decisions", as text; nil: 503
	Webhooks     Webhooks                              // nil: handshakes answer 503, and no source is published
	Nodes        func(context.Context) ([]Node, error) // what every server process serves; nil: there are none
	Environments func() []Environment                  // those of the configuration as it stands; nil: none are listed

	// Link makes of the token of a one-time link what its receiver opens, MemberLink of a member's, for the portal; nil: the token itself.
	Link       func(token string) string
	MemberLink func(token string) string

	// PublicURL is where people reach this server, https://admin.example.com:8443; its host is the only one that is answered.
	// Empty: none but those of this machine.
	PublicURL string
	// Loopback allows the names of this machine as a Host: localhost, 127.0.0.1 and [::1], with any port. For a listener that
	// nobody else reaches.
	Loopback bool

	Now   func() time.Time
	Rand  io.Reader
	Log   *slog.Logger
	Count func(operation string, status int) // hears of every answer, by operationId ("none": no operation); nil: nobody counts
}

// Questions are asked of the records; *whatif.Engine answers them.
type Questions interface {
	WhatIf(ctx context.Context, p whatif.Proposed, s whatif.Span) (whatif.Report, error)
	Rehearsal(ctx context.Context, credentialID string, s whatif.Span) (whatif.Rehearsal, error)
	RevocationPreview(ctx context.Context, credentialID string, version int, s whatif.Span) (whatif.Preview, error)
	Why(ctx context.Context, requestID string) (whatif.Story, error)
}

// Decisions is one decision record; *search.Searcher is one.
type Decisions interface {
	Find(ctx context.Context, q search.Query) (search.Page, error)
	Export(ctx context.Context, w io.Writer, q search.Query, f search.Format) (search.Exported, error)
}

// Webhooks shakes hands with endpoints; *webhook.Client does.
type Webhooks interface {
	Handshake(ctx context.Context, target partner.EndpointTarget) partner.Handshake
	Sources() []netip.Prefix
}

// Node is one server process and one environment that it serves.
type Node struct {
	Name        string
	Environment string
	Revision    uint64    // of the register that it decides by
	At          time.Time // when it said so

	State     registry.NodeState // empty: what Revision says of a node that lives
	Version   string             // of its program; empty: it does not tell
	StartedAt time.Time          // zero: it does not tell
	Silence   time.Duration      // since At, by the same clock; of a node with a State
	ReadAge   time.Duration      // since its last reading of the register; negative: never, zero without StopsAt: it does not tell
	StopsAt   time.Time          // when it decides nothing any more by itself; zero: it does not tell
	Took      time.Duration      // from the change to its being in force; negative: not known
	Trouble   string             // what is not in force there, and why
}

// NodesOf is what nodes of a shared register tell, one for each environment that they serve.
func NodesOf(all registry.Nodes) []Node {
	list := []Node{}
	for _, s := range all.All {
		for _, environment := range s.Environments {
			list = append(list, Node{Name: s.Name, Environment: environment, Revision: s.Revision, At: s.BeatAt, State: s.State, Silence: s.Silence, Version: s.Version,
				StartedAt: s.StartedAt, ReadAge: s.ReadAge, StopsAt: s.StopsAt, Took: s.Took, Trouble: s.Trouble})
		}
	}
	return list
}

// state is how n stands where the register has a revision.
func (n Node) state(revision uint64) registry.NodeState {
	switch {
	case n.State != "":
		return n.State
	case n.Revision == 0:
		return registry.NodeStarting
	case n.Revision < revision:
		return registry.NodeBehind
	}
	return registry.NodeCurrent
}

// stopsWithin reports whether n decides nothing any more by itself after so long.
func (n Node) stopsWithin(left time.Duration) bool {
	return !n.StopsAt.IsZero() && n.StopsAt.Sub(n.At.Add(n.Silence)) < left
}

// seen is n as the register's own rules judge it.
func (n Node) seen(revision uint64) registry.Seen {
	return registry.Seen{Node: partner.Node{Name: n.Name, Revision: n.Revision}, State: n.state(revision)}
}

// Environment is one environment of the configuration.
type Environment struct {
	Name      string
	After     string   // the environment in which a partner must be admitted first; empty: none
	APIs      []string // names
	Checklist []partner.ChecklistItem
}

// New returns a Server, or an error that names what is missing.
func New(cfg Config) (*Server, error) {
	required := map[string]bool{"Registry": cfg.Registry != nil, "Authenticate": cfg.Authenticate != nil, "Now": cfg.Now != nil,
		"Rand": cfg.Rand != nil, "Log": cfg.Log != nil}
	for field, set := range required {
		if !set {
			return nil, fmt.Errorf("admin: %s is not set", field)
		}
	}
	if cfg.PublicURL == "" && !cfg.Loopback {
		return nil, errors.New("admin: neither PublicURL nor Loopback is set: no host would be answered")
	}
	host, err := publicHost(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	return newServer(cfg, host)
}

// publicHost is the Host that requests to a public URL carry, in lower case and without the default port.
func publicHost(public string) (string, error) {
	if public == "" {
		return "", nil
	}
	u, err := url.Parse(public)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("admin: PublicURL %q is not like https://admin.example.com:8443", public)
	}
	return canonicalHost(u.Host, u.Scheme), nil
}
