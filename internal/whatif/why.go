package whatif

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
)

// Why tells the story of one request: the decision, how far it came in the pipeline, how its address was found, which versions were
// tried, what the outside was told and what it was not told. Errors: ErrNoRequest; the record's, or that of the context.
func (e *Engine) Why(ctx context.Context, requestID string) (Story, error) {
	if requestID == "" || len(requestID) > 64 {
		return Story{}, ErrNoRequest
	}
	found, err := e.lineOf(ctx, requestID)
	if err != nil {
		return Story{}, err
	}
	t := &telling{e: e, line: &found.Line}
	t.api = t.findAPI()
	t.trace = t.where()
	return t.story(ctx, found.Text), nil
}

// lineOf finds the final line of a request, or the one from before it was forwarded.
func (e *Engine) lineOf(ctx context.Context, requestID string) (*search.Found, error) {
	for _, which := range []string{"final", "admit"} {
		found, err := e.one(ctx, search.Query{RequestID: requestID, Decision: which})
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, ErrNoRequest
}

// telling is one Why at work.
type telling struct {
	e     *Engine
	line  *search.Line
	api   *access.API // nil: none was found then, or it is not configured any more
	trace trace
}

func (t *telling) findAPI() *access.API {
	for _, api := range t.e.cfg.APIs() {
		if api.Environment == string(t.line.Environment) && api.Name == string(t.line.API) {
			return api
		}
	}
	return nil
}

// where is how far the request came.
func (t *telling) where() trace {
	l := t.line
	made := trace{reason: reasonOf(string(l.Reason)), where: len(l.Where) > 0, known: len(l.Credential) > 0, proved: l.Proved,
		allowed: l.Kind != search.Refuse}
	switch {
	case t.api == nil || t.api.Protocol != access.Token:
	case t.api.TokenEndpoint != "" && t.api.TokenEndpoint == string(l.Path):
		made.kind = exchangeCall
	default:
		made.kind = tokenCall
	}
	return made
}

// reasonOf reads the text of a reason; Unset for one that this program does not know.
func reasonOf(text string) access.Reason {
	i := slices.IndexFunc(access.Reasons(), func(r access.Reason) bool { return r.String() == text })
	if i < 0 {
		return access.Unset
	}
	return access.Reasons()[i]
}

func (t *telling) story(ctx context.Context, text []byte) Story {
	l := t.line
	s := Story{RequestID: plain(l.RequestID), At: l.Time, Environment: plain(l.Environment), API: plain(l.API), Method: plain(l.Method),
		Path:    plain(l.Path),
		Allowed: l.Kind != search.Refuse, Finished: l.Kind.Final(), Reason: plain(l.Reason), Where: plain(l.Where), Status: l.Status,
		Partner: plain(l.Partner), Credential: plain(l.Credential), Proved: l.Proved, Line: slices.Clone(text)}
	s.Warnings = warnings(l.Warnings)
	s.Address = t.address()
	s.Version = t.versions(ctx)
	s.Steps = t.trace.steps()
	for i := range s.Steps {
		s.Steps[i].Facts = t.facts(&s.Steps[i], &s)
	}
	if len(l.Shadow) > 0 {
		s.Shadow = &ShadowResult{Profile: plain(l.ShadowProfile), Result: plain(l.Shadow)}
	}
	if t.e.cfg.Told != nil && !s.Allowed {
		told := t.e.cfg.Told(t.decision(), s.RequestID, l.Time)
		s.Told = &told
	}
	s.Cause = t.cause(&s)
	s.Hints = t.hints(&s)
	return s
}

// maxTold is how many warnings and versions a story names: a line of ours has fewer.
const maxTold = 32

// warnings reads a line's list; what is none is in the line all the same.
func warnings(text []byte) (list []string) {
	if json.Unmarshal(text, &list) != nil || len(list) > maxTold {
		return nil
	}
	for i := range list {
		list[i] = plain([]byte(list[i]))
	}
	return list
}

// decision is what is known of the decision, for the edge to make its answer again.
func (t *telling) decision() *access.Decision {
	l := t.line
	d := &access.Decision{Reason: t.trace.reason, RequestID: string(l.RequestID), API: t.api, Where: string(l.Where), Address: l.IP(),
		Country:    string(l.Country),
		Derivation: string(l.Derivation), Proved: l.Proved, Version: l.Version, Skew: l.Skew}
	return d
}

// versions says what is known of the credential's versions.
func (t *telling) versions(ctx context.Context) VersionStory {
	v := VersionStory{Proved: t.line.Version}
	if json.Unmarshal(t.line.Tried, &v.Tried) != nil || len(v.Tried) > maxTold {
		v.Tried = nil
	}
	if len(t.line.Credential) == 0 {
		return v
	}
	k, err := t.e.cfg.Register.FindCredential(ctx, string(t.line.Credential))
	if err != nil || k.ID != string(t.line.Credential) {
		return v
	}
	at := t.line.Time
	revoked := !k.RevokedAt.IsZero() && !at.Before(k.RevokedAt)
	for _, one := range k.Versions {
		then := VersionThen{Version: one.Number, State: "in force"}
		switch {
		case revoked:
			then.State, then.Text = "ended", "the credential was revoked on "+k.RevokedAt.UTC().Format(time.RFC3339)
		case !one.NotBefore.IsZero() && at.Before(one.NotBefore):
			then.State, then.Text = "not yet in force", "counts from "+one.NotBefore.UTC().Format(time.RFC3339)+" on"
		case !one.Live(at):
			then.State, then.Text = "ended", "counted until "+one.NotAfter.UTC().Format(time.RFC3339)
		case !one.NotAfter.IsZero():
			then.Text = "counts until " + one.NotAfter.UTC().Format(time.RFC3339)
		}
		v.Then = append(v.Then, then)
	}
	return v
}

// address says how the client's address was found.
func (t *telling) address() AddressStory {
	l := t.line
	a := AddressStory{Address: plain(l.Address), Peer: plain(l.Peer), Country: plain(l.Country), Hops: []string{}, Source: "derived"}
	if len(l.Derivation) > 0 {
		a.Source = "recorded"
		for hop := range strings.Lines(string(l.Derivation)) {
			a.Hops = append(a.Hops, plain([]byte(strings.TrimRight(hop, "\n"))))
		}
		return a
	}
	switch {
	case a.Peer == "":
		a.Hops = append(a.Hops, "the other end of the connection is not recorded")
	case a.Address == a.Peer:
		a.Hops = append(a.Hops, "connection from "+a.Peer+": the client itself"+t.trust())
	case a.Address == "":
		a.Hops = append(a.Hops, "connection from "+a.Peer+t.trust(),
			"the request ended before its address was asked for, or none could be derived")
	default:
		a.Hops = append(a.Hops, "connection from "+a.Peer+": a trusted proxy then"+t.trust(),
			"client address "+a.Address+": reported by that proxy; the hops between are recorded only of what is refused")
	}
	return a
}

// trust says whether the peer is one of today's trusted proxies.
func (t *telling) trust() string {
	if t.e.cfg.Trusted == nil {
		return ""
	}
	peer := search.Line{Address: t.line.Peer}
	at := peer.IP()
	for _, prefix := range t.e.cfg.Trusted(string(t.line.Environment)) {
		if at.IsValid() && prefix.Contains(at) {
			return " (in the trusted proxies of now: " + prefix.String() + ")"
		}
	}
	return " (not in the trusted proxies of now)"
}
