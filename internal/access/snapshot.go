package access

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// ErrRoster is wrapped when a roster cannot be turned into a snapshot. The former snapshot stays in force.
var ErrRoster = errors.New("build snapshot")

// keyID is a key id as its 16 bytes: map keys of a fixed size are found without following a pointer.
type keyID [16]byte

// parseKeyID takes the one form in which key ids are issued, 32 lower-case hex digits; anything else is unknown without a
// look-up.
func parseKeyID(s string) (id keyID, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	var seen byte
	for i := range id {
		high, low := lowerHex[s[2*i]], lowerHex[s[2*i+1]]
		seen |= high | low
		id[i] = high<<4 | low
	}
	return id, seen < 16
}

// lowerHex is the value of each lower-case hex digit, 255 for every other byte. Never written after its construction.
var lowerHex = func() (table [256]byte) {
	for c := range table {
		table[c] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		table[c] = byte(i)
	}
	return table
}()

// Credential is a credential as the snapshot knows it. Immutable. What a decision reads stands first and together: with a
// million of them, every other place in memory costs as much as the signature.
type Credential struct {
	newest version   // SigningKey only; number 0: there is none
	older  []version // SigningKey only; newest first

	tag        [16]byte // names environment and row in access tokens and replay keys, whatever their length
	Partner    *Partner
	generation uint32
	revoked    bool

	ID    string // row identity: for records and identity headers
	Login string // App only
}

// version is one secret of a signing credential, prepared for one scheme.
type version struct {
	key                 scheme.Key
	notBefore, notAfter int64 // Unix seconds, inclusive; 0: no bound
	number              int32
}

func (v *version) live(now int64) bool {
	return (v.notBefore == 0 || now >= v.notBefore) && (v.notAfter == 0 || now <= v.notAfter)
}

// index finds the credentials of one kind in one environment, with their secrets prepared for one scheme.
type index struct {
	byID map[keyID]uint32
	list []Credential
}

func (x *index) find(id keyID) *Credential {
	i, ok := x.byID[id]
	if !ok {
		return nil
	}
	return &x.list[i]
}

// world is one environment in a snapshot.
type world struct {
	apps   index
	signed map[*scheme.Scheme]*index
	keys   []sealingKey // newest first
}

// snapshot is everything that decisions need, immutable once built.
type snapshot struct {
	revision uint64
	worlds   map[string]*world
}

// lookup finds the signing credential for an API.
func (s *snapshot) lookup(api *API, id keyID) *Credential {
	w := s.worlds[api.Environment]
	if api.Protocol == Token {
		return w.apps.find(id)
	}
	return w.signed[api.Scheme].find(id)
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
	partners := buildPartners(roster, name)
	w := &world{signed: map[*scheme.Scheme]*index{}}
	var err error
	if w.keys, err = buildSealingKeys(roster.SealingKeys, name); err != nil {
		return nil, err
	}
	if err = w.apps.fill(roster, name, partner.App, partners, nil); err != nil {
		return nil, err
	}
	for _, api := range apis {
		if api.Protocol != Signed || w.signed[api.Scheme] != nil {
			continue
		}
		x := new(index)
		if err := x.fill(roster, name, partner.SigningKey, partners, api.Scheme); err != nil {
			return nil, err
		}
		w.signed[api.Scheme] = x
	}
	return w, nil
}

func buildPartners(roster *partner.Roster, environment string) map[string]*Partner {
	networks := groupNetworks(roster.Networks, environment)
	list := make([]Partner, len(roster.Partners))
	partners := make(map[string]*Partner, len(roster.Partners))
	for i, p := range roster.Partners {
		list[i] = Partner{ID: p.ID, Name: p.Name, Closed: p.Closed, rules: networks[p.ID]}
		list[i].inline()
		partners[p.ID] = &list[i]
	}
	for _, r := range roster.Reviews {
		if p := partners[r.PartnerID]; p != nil && r.Environment == environment {
			p.Review = oneOf(r.State)
		}
	}
	return partners
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

func (x *index) fill(roster *partner.Roster, environment string, kind partner.Kind, partners map[string]*Partner, s *scheme.Scheme) error {
	count := 0
	for i := range roster.Credentials {
		if c := &roster.Credentials[i]; c.Environment == environment && c.Kind == kind {
			count++
		}
	}
	x.byID, x.list = make(map[keyID]uint32, count), make([]Credential, 0, count)
	for i := range roster.Credentials {
		c := &roster.Credentials[i]
		if c.Environment != environment || c.Kind != kind {
			continue
		}
		if err := x.add(c, partners[c.PartnerID], s); err != nil {
			return fmt.Errorf("credential %s: %w", c.ID, err)
		}
	}
	return nil
}

func (x *index) add(c *partner.Credential, p *Partner, s *scheme.Scheme) error {
	id, ok := parseKeyID(c.KeyID)
	if !ok {
		return errors.New("its key id has not the form of one")
	}
	if _, doubled := x.byID[id]; doubled {
		return errors.New("its key id is another credential's too")
	}
	if p == nil {
		return errors.New("its partner is not in the roster")
	}
	entry := Credential{ID: c.ID, Partner: p, Login: c.Login, generation: c.Generation, revoked: !c.RevokedAt.IsZero(), tag: tagOf(c.Environment, c.ID)}
	if s != nil {
		if err := entry.prepare(c.Versions, s); err != nil {
			return err
		}
	}
	x.byID[id] = uint32(len(x.list))
	x.list = append(x.list, entry)
	return nil
}

// prepare makes the secrets of a signing key ready for one scheme.
func (c *Credential) prepare(versions []partner.Version, s *scheme.Scheme) error {
	for i, v := range versions {
		key, err := s.NewKey(v.Secret.Bytes())
		if err != nil {
			return fmt.Errorf("version %d: %w", v.Number, err)
		}
		made := version{key: key, notBefore: unix(v.NotBefore), notAfter: unix(v.NotAfter), number: int32(v.Number)}
		if i == 0 {
			c.newest = made
		} else {
			c.older = append(c.older, made)
		}
	}
	return nil
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// newRequestID is 128 random bits in lower-case hex.
func newRequestID(random [16]byte) string { return hex.EncodeToString(random[:]) }
