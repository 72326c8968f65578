package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// maxVersion bounds the numbers of versions, maxName how long the names of a credential are.
const (
	maxVersion = 1<<16 - 1
	maxName    = 255
)

// filler makes the world of one environment of a register, piece by piece.
type filler struct {
	environment string
	world       *world
	air         *breath
	list        []Partner
	positions   map[string]uint32 // in list, by id, and one
	limits      *ownLimits
}

// take adds what is the environment's of a piece. All partners come before anything else, and limits before credentials.
func (f *filler) take(piece *partner.Piece) error {
	for i := range piece.Partners {
		f.air.take(1)
		f.partner(&piece.Partners[i])
	}
	for i := range piece.Reviews {
		if r := &piece.Reviews[i]; r.Environment == f.environment {
			f.air.take(1)
			if p := f.owner(r.PartnerID); p != nil {
				p.Review = oneOf(r.State)
			}
		}
	}
	for i := range piece.Networks {
		if n := &piece.Networks[i]; n.Environment == f.environment {
			f.air.take(1)
			if p := f.owner(n.PartnerID); p != nil {
				p.addRule(n)
			}
		}
	}
	for i := range piece.Limits {
		if l := &piece.Limits[i]; l.Environment == f.environment {
			f.air.take(1)
			if err := f.limits.add(*l); err != nil {
				return fmt.Errorf("limit %s: %w", l.ID, err)
			}
		}
	}
	for i := range piece.Credentials {
		c := &piece.Credentials[i]
		if c.Environment != f.environment {
			continue
		}
		f.air.take(1)
		if err := f.one(c); err != nil {
			return fmt.Errorf("credential %s: %w", c.ID, err)
		}
	}
	return nil
}

func (f *filler) partner(from *partner.Partner) {
	if len(f.list) == cap(f.list) {
		f.list = moved(f.list, max(16, len(f.list)+len(f.list)/2), f.air)
	}
	p := Partner{ID: strings.Clone(from.ID), Closed: from.Closed, tag: partnerTag(f.environment, from.ID)}
	f.list = append(f.list, p)
	f.positions[p.ID] = uint32(len(f.list))
}

// owner is the partner with an id; nil: there is none. It moves with the next one that is added.
func (f *filler) owner(id string) *Partner {
	if at := f.positions[id]; at != 0 {
		return &f.list[at-1]
	}
	return nil
}

// finish ends the filling.
func (f *filler) finish() {
	for id, limits := range f.limits.partners {
		f.air.take(1)
		if p := f.owner(id); p != nil {
			p.extend().limits = limits
		}
	}
	if spare := cap(f.list) - len(f.list); spare > len(f.list)/8 {
		f.list = moved(f.list, len(f.list), f.air)
	}
	settled(f.list, f.air)
	f.world.partners = roll{list: f.list}
	for x := range f.world.indexes {
		x.partners = f.list
		x.seal()
	}
}

func (f *filler) one(c *partner.Credential) error {
	switch c.Kind {
	case partner.App:
		return f.add(&f.world.apps, c, nil)
	case partner.SigningKey:
		for s, x := range f.world.signed {
			if err := f.add(x, c, s); err != nil {
				return err
			}
		}
		for s, x := range f.world.shadows {
			f.addShadow(x, c, s)
		}
	}
	return nil
}

func (f *filler) add(x *index, c *partner.Credential, s *scheme.Scheme) error {
	id, ok := parseKeyID(c.KeyID)
	if !ok {
		return errors.New("its key id has not the form of one")
	}
	if _, taken := x.find(id); taken {
		return errors.New("its key id is another credential's too")
	}
	if len(c.ID) > maxName || len(c.Login) > maxName {
		return fmt.Errorf("its id or its login is longer than %d bytes", maxName)
	}
	if x.texts.spent() {
		return errors.New("there are too many: the names of those before it take 4 GiB")
	}
	owner := f.positions[c.PartnerID]
	if owner == 0 {
		return errors.New("its partner is not in the roster")
	}
	entry := entry{row: row{id: id, owner: owner, serial: c.Generation, tag: tagOf(c.Environment, c.ID)}}
	if !c.RevokedAt.IsZero() {
		entry.row.flags |= revoked
	}
	if limits := f.limits.credentials[c.ID]; limits != nil || len(c.ClientKeys) > 0 {
		more := entry.extend()
		more.limits, more.clientKeys = limits, slices.Clone(c.ClientKeys)
		for i, text := range more.clientKeys {
			more.clientKeys[i] = strings.Clone(text)
		}
	}
	if s != nil {
		if err := entry.prepare(c, s); err != nil {
			return err
		}
	}
	x.put(entry.row, c.ID, c.Login, nil, entry.more)
	return nil
}

// entry is a row on its way into an index.
type entry struct {
	row  row
	more *credentialMore // nil: nothing
}

// extend makes room for what it has more than others.
func (e *entry) extend() *credentialMore {
	if e.more == nil {
		e.more = new(credentialMore)
	}
	return e.more
}

// newest takes in the version that is tried first.
func (e *entry) newest(v version) {
	e.row.key, e.row.serial = v.key, uint32(v.number)
	if v.notBefore != 0 || v.notAfter != 0 {
		more := e.extend()
		more.notBefore, more.notAfter = v.notBefore, v.notAfter
	}
}

// prepare makes the secrets of a signing key ready for one scheme.
func (e *entry) prepare(from *partner.Credential, s *scheme.Scheme) error {
	e.row.serial = 0
	for i, v := range from.Versions {
		key, err := s.NewKey(v.Secret.Bytes())
		if err != nil {
			return fmt.Errorf("version %d: %w", v.Number, err)
		}
		if v.Number < 1 || v.Number > maxVersion {
			return fmt.Errorf("version %d: a version has a number from 1 to %d", v.Number, maxVersion)
		}
		made := version{key: key, notBefore: bound(v.NotBefore), notAfter: bound(v.NotAfter), number: uint16(v.Number)}
		if i == 0 {
			e.newest(made)
		} else {
			made.replaced = replaced(from, i)
			more := e.extend()
			more.older = append(more.older, made)
		}
	}
	return nil
}

// replaced is since when a version has a newer one, in seconds: from when that one counted. Where the register does not say, as
// of versions that count from their making, it is the making of the credential, which was before.
func replaced(c *partner.Credential, i int) int64 {
	if newer := c.Versions[i-1].NotBefore; !newer.IsZero() {
		return newer.Unix()
	}
	if c.CreatedAt.IsZero() {
		return 1
	}
	return c.CreatedAt.Unix()
}
