package access

import (
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// ErrRoster is wrapped when a roster cannot be turned into a snapshot. The former snapshot stays in force.
var ErrRoster = errors.New("build snapshot")

// world is one environment in a snapshot.
type world struct {
	apps     index
	signed   map[*scheme.Scheme]*index
	shadows  map[*scheme.Scheme]*index // of profiles that decide nothing
	keys     []sealingKey              // newest first
	partners roll
	all      union
}

// snapshot is everything that decisions need, immutable once built.
type snapshot struct {
	revision uint64
	worlds   map[string]*world
}

// lookup finds the credential of an API's kind.
func (s *snapshot) lookup(api *API, id keyID) *Credential {
	w := s.worlds[api.Environment]
	if w == nil { // the API is that of a Decider that was replaced, and so is what the caller found
		return nil
	}
	if api.Protocol == Token {
		return w.apps.find(id)
	}
	if x := w.signed[api.Scheme]; x != nil {
		return x.find(id)
	}
	return nil
}

// elsewhere names another environment that issued id, for the operator's eye; empty if none did.
func (s *snapshot) elsewhere(api *API, id keyID) string {
	for name, w := range s.worlds {
		if name == api.Environment {
			continue
		}
		if api.Protocol == Token && w.apps.find(id) != nil {
			return name
		}
		for _, x := range w.signed {
			if api.Protocol == Signed && x.find(id) != nil {
				return name
			}
		}
	}
	return ""
}

// build turns a roster into a snapshot for the given environments. It fails as a whole: a snapshot that silently lacks a
// credential or a rule would refuse an honest caller or admit a stranger.
func build(roster *partner.Roster, environments map[string][]*API) (*snapshot, error) {
	s := &snapshot{revision: roster.Revision, worlds: make(map[string]*world, len(environments))}
	for name, apis := range environments {
		w, err := buildWorld(roster, name, apis)
		if err != nil {
			return nil, fmt.Errorf("%w: environment %s: %w", ErrRoster, name, err)
		}
		s.worlds[name] = w
	}
	return s, nil
}

func buildWorld(roster *partner.Roster, name string, apis []*API) (*world, error) {
	limits, err := groupLimits(roster.Limits, name)
	if err != nil {
		return nil, err
	}
	partners, list := buildPartners(roster, name, limits)
	w := &world{signed: map[*scheme.Scheme]*index{}, partners: roll{list: list}}
	if w.keys, err = buildSealingKeys(roster.SealingKeys, name); err != nil {
		return nil, err
	}
	if err = w.apps.fill(roster, name, partner.App, partners, limits, nil); err != nil {
		return nil, err
	}
	for _, api := range apis {
		if api.Protocol != Signed || w.signed[api.Scheme] != nil {
			continue
		}
		x := new(index)
		if err := x.fill(roster, name, partner.SigningKey, partners, limits, api.Scheme); err != nil {
			return nil, err
		}
		w.signed[api.Scheme] = x
	}
	w.addShadows(roster, name, apis)
	return w, nil
}

func buildPartners(roster *partner.Roster, environment string, limits *ownLimits) (map[string]*Partner, []Partner) {
	networks := groupNetworks(roster.Networks, environment)
	list := make([]Partner, len(roster.Partners))
	partners := make(map[string]*Partner, len(roster.Partners))
	for i, p := range roster.Partners {
		list[i] = Partner{ID: p.ID, Closed: p.Closed, tag: partnerTag(environment, p.ID)}
		more := partnerMore{rules: list[i].inline(networks[p.ID]), limits: limits.partners[p.ID]}
		if more.rules != nil || more.limits != nil {
			list[i].more = &more
		}
		partners[p.ID] = &list[i]
	}
	for _, r := range roster.Reviews {
		if p := partners[r.PartnerID]; p != nil && r.Environment == environment {
			p.Review = oneOf(r.State)
		}
	}
	return partners, list
}

// oneOf gives a state that was read from a store the memory of its constant, and an unknown one none at all.
func oneOf(read partner.ReviewState) partner.ReviewState {
	for _, known := range [...]partner.ReviewState{partner.ReviewRequested, partner.ReviewApproved, partner.ReviewSuspended, partner.ReviewClosed} {
		if read == known {
			return known
		}
	}
	return ""
}

// bound is a moment in microseconds since 1970, as the store keeps it, 0 for none.
func bound(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

func micros(t time.Time) int64 { return t.UnixMicro() }
