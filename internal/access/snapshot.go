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

// Credential is a credential as the snapshot knows it. Immutable.
type Credential struct {
	ID      string // row identity: for records and identity headers
	Partner *Partner
	Login   string // App only

	generation uint32
	revoked    bool
	tag        [16]byte // names environment and row in access tokens and replay keys, whatever their length
	versions   []version
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
	partners := make(map[string]*Partner, len(roster.Partners))
	for _, p := range roster.Partners {
		partners[p.ID] = &Partner{ID: p.ID, Name: p.Name, Closed: p.Closed, rules: networks[p.ID]}
	}
	for _, r := range roster.Reviews {
		if p := partners[r.PartnerID]; p != nil && r.Environment == environment {
			p.Review = r.State
		}
	}
	return partners
}

func (x *index) fill(roster *partner.Roster, environment string, kind partner.Kind, partners map[string]*Partner, s *scheme.Scheme) error {
	count, versions := 0, 0
	for i := range roster.Credentials {
		if c := &roster.Credentials[i]; c.Environment == environment && c.Kind == kind {
			count, versions = count+1, versions+len(c.Versions)
		}
	}
	x.byID, x.list = make(map[keyID]uint32, count), make([]Credential, 0, count)
	store := make([]version, 0, versions) // one block for all, so that a credential's versions lie together
	for i := range roster.Credentials {
		c := &roster.Credentials[i]
		if c.Environment != environment || c.Kind != kind {
			continue
		}
		var err error
		if store, err = x.add(c, partners[c.PartnerID], s, store); err != nil {
			return fmt.Errorf("credential %s: %w", c.ID, err)
		}
	}
	return nil
}

func (x *index) add(c *partner.Credential, p *Partner, s *scheme.Scheme, store []version) ([]version, error) {
	id, ok := parseKeyID(c.KeyID)
	if !ok {
		return nil, errors.New("its key id has not the form of one")
	}
	if _, doubled := x.byID[id]; doubled {
		return nil, errors.New("its key id is another credential's too")
	}
	if p == nil {
		return nil, errors.New("its partner is not in the roster")
	}
	entry := Credential{ID: c.ID, Partner: p, Login: c.Login, generation: c.Generation, revoked: !c.RevokedAt.IsZero(), tag: tagOf(c.Environment, c.ID)}
	if s != nil {
		first := len(store)
		for _, v := range c.Versions {
			key, err := s.NewKey(v.Secret.Bytes())
			if err != nil {
				return nil, fmt.Errorf("version %d: %w", v.Number, err)
			}
			store = append(store, version{key: key, notBefore: unix(v.NotBefore), notAfter: unix(v.NotAfter), number: int32(v.Number)})
		}
		entry.versions = store[first:len(store):len(store)]
	}
	x.byID[id] = uint32(len(x.list))
	x.list = append(x.list, entry)
	return store, nil
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// newRequestID is 128 random bits in lower-case hex.
func newRequestID(random [16]byte) string { return hex.EncodeToString(random[:]) }
