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

// index is where the credentials of an API's kind stand; nil: nowhere, as for the API of a Decider that was replaced.
func (s *snapshot) index(api *API) *index {
	w := s.worlds[api.Environment]
	switch {
	case w == nil:
		return nil
	case api.Protocol == Token:
		return &w.apps
	}
	return w.signed[api.Scheme]
}

// lookup fills c with the credential that has an id, and reports whether there is one. Nil: there is none.
func (x *index) lookup(id keyID, c *Credential) bool {
	if x == nil {
		return false
	}
	p, found := x.find(id)
	if found {
		p.view(c)
	}
	return found
}

// elsewhere names another environment that issued id, for the operator's eye; empty if none did.
func (s *snapshot) elsewhere(api *API, id keyID) string {
	for name, w := range s.worlds {
		if name == api.Environment {
			continue
		}
		if api.Protocol == Token && w.apps.holds(id) {
			return name
		}
		for _, x := range w.signed {
			if api.Protocol == Signed && x.holds(id) {
				return name
			}
		}
	}
	return ""
}

// build turns a roster into a snapshot. It fails as a whole: a snapshot that silently lacks a
// credential or a rule would refuse an honest caller or admit a stranger. pause: how requests are let in meanwhile; nil: there are none.
func (a *Decider) build(roster *partner.Roster, pause func(time.Duration)) (*snapshot, error) {
	s := &snapshot{revision: roster.Revision, worlds: make(map[string]*world, len(a.environments))}
	fillers, air := make([]*filler, 0, len(a.environments)), &breath{pause: pause}
	for name, apis := range a.environments {
		f, err := newFiller(roster, name, apis, air)
		if err != nil {
			return nil, fmt.Errorf("%w: environment %s: %w", ErrRoster, name, err)
		}
		fillers = append(fillers, f)
		s.worlds[name] = f.world
	}
	err := inPieces(roster, air, func(piece *partner.Piece) error {
		if err := a.usable(piece); err != nil {
			return err
		}
		for _, f := range fillers {
			if err := f.take(piece); err != nil {
				return fmt.Errorf("%w: environment %s: %w", ErrRoster, f.environment, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range fillers {
		f.finish()
	}
	return s, nil
}

// inPieces hands over all of a roster.
func inPieces(roster *partner.Roster, air *breath, take func(*partner.Piece) error) error {
	lists := partner.Piece{Partners: roster.Partners, Reviews: roster.Reviews, Networks: roster.Networks, Limits: roster.Limits, Credentials: roster.Credentials}
	if err := take(&lists); err != nil || roster.Rest == nil {
		return err
	}
	for {
		piece, err := roster.Rest.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRoster, err)
		}
		if piece == nil {
			return nil
		}
		air.done = 0 // whoever hands over in pieces lets requests in between
		if err := take(piece); err != nil {
			return err
		}
	}
}

// newFiller makes the world of an environment, with nothing in it.
func newFiller(roster *partner.Roster, name string, apis []*API, air *breath) (f *filler, err error) {
	w := &world{signed: map[*scheme.Scheme]*index{}}
	if w.keys, err = buildSealingKeys(roster.SealingKeys, name); err != nil {
		return nil, err
	}
	for _, api := range apis {
		if api.Protocol == Signed {
			w.signed[api.Scheme] = new(index)
		}
		if api.Shadow == nil {
			continue
		}
		if w.shadows == nil {
			w.shadows = map[*scheme.Scheme]*index{}
		}
		w.shadows[api.Shadow] = new(index)
	}
	partners, apps, keys := expected(roster, name)
	for x := range w.indexes {
		x.air = air
		if x == &w.apps {
			x.reserve(apps)
		} else {
			x.reserve(keys)
		}
	}
	return &filler{environment: name, world: w, air: air, list: room[Partner](partners, air), positions: map[string]uint32{}, limits: newOwnLimits()}, nil
}

// expected is about how many partners there will be, and how many credentials of each kind in an environment. Of those that come in pieces
// nothing is known but their number, and that most are signing keys.
func expected(roster *partner.Roster, environment string) (partners, apps, keys int) {
	partners = len(roster.Partners)
	for i := range roster.Credentials {
		switch c := &roster.Credentials[i]; {
		case c.Environment != environment:
		case c.Kind == partner.App:
			apps++
		default:
			keys++
		}
	}
	if roster.Rest != nil {
		more, credentials := roster.Rest.About()
		partners, keys = partners+more, keys+credentials
	}
	return partners, apps, keys
}

// indexes yields every index of w.
func (w *world) indexes(yield func(*index) bool) {
	if !yield(&w.apps) {
		return
	}
	for _, list := range [...]map[*scheme.Scheme]*index{w.signed, w.shadows} {
		for _, x := range list {
			if !yield(x) {
				return
			}
		}
	}
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
