package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const (
	// MinSilence is the shortest silence that retires a version by itself.
	MinSilence = 7 * 24 * time.Hour
	// usageLag is how far behind the record of uses may be and still say that a version is silent.
	usageLag = time.Hour
	// maxRetired is how many versions one RetireSilent ends, so that it ends; the next one goes on.
	maxRetired = 500
)

// VersionUse is when a version of a credential proved a request, as far as the record of uses goes.
type VersionUse struct {
	First time.Time // or any later use, where the first one is not known; zero: it never did
	Last  time.Time // zero: it never did
}

// Usage tells the uses of versions. It is derived from the record of decisions, outside of the register.
type Usage struct {
	Since time.Time // from here on it has no gap; zero: it says nothing
	Until time.Time // up to here it is complete; zero: up to now
	Of    func(credentialID string, version int) VersionUse
}

// RetirePolicy says which versions are silent.
type RetirePolicy struct {
	After        time.Duration // silent for so long; MinSilence or more
	Environments []string      // nil: all
}

// Retired is a version that was ended because nobody used it.
type Retired struct {
	CredentialID string
	PartnerID    string
	Environment  string
	Version      int
	LastUse      time.Time // zero: none since Usage.Since
}

// RetireVersion ends one version now, for good; never the only live one, since that would be a revocation under another name.
// Errors: ErrActor, ErrArgument, ErrNotFound, ErrState, the store's.
func (r *Registry) RetireVersion(ctx context.Context, actor Actor, credentialID string, version int, reason string) error {
	const what = "retire version"
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return r.update(ctx, actor, what, func(tx Tx) error {
		c, err := credential(tx, credentialID)
		if err != nil {
			return err
		}
		waits, pending, err := readPending(tx, c.ID)
		if err != nil {
			return err
		}
		if err := r.retirable(c, version, waits.Version); err != nil {
			return err
		}
		if pending && waits.Version == version {
			if err := tx.DeleteDocument(pendingNoun.kind, c.ID); err != nil {
				return err
			}
		}
		return r.endNow(tx, actor, c, version, because(fmt.Sprintf("version %d", version), reason))
	})
}

func (r *Registry) endNow(tx Tx, actor Actor, c partner.Credential, version int, text string) error {
	endVersion(&c, version, r.now())
	if err := tx.PutCredential(c); err != nil {
		return err
	}
	return r.record(tx, actor, audit.VersionRetired, c.ID, detail(c.Environment, text))
}

// retirable says why a version cannot be ended while the credential goes on, or nil. A version whose secret nobody has seen
// (hidden, 0: none) keeps nobody going.
func (r *Registry) retirable(c partner.Credential, version, hidden int) error {
	i := slices.IndexFunc(c.Versions, func(v partner.Version) bool { return v.Number == version })
	switch {
	case i < 0:
		return fmt.Errorf("version %d of credential %s: %w", version, c.ID, ErrNotFound)
	case !c.RevokedAt.IsZero():
		return fmt.Errorf("credential %s is revoked: %w", c.ID, ErrState)
	case !c.Versions[i].Live(r.now()):
		return fmt.Errorf("version %d of credential %s counts no more: %w", version, c.ID, ErrState)
	}
	for _, other := range c.Versions {
		if other.Number != version && other.Number != hidden && other.Live(r.now()) {
			return nil
		}
	}
	return fmt.Errorf("version %d is the only one that the partner can use; rotate, or revoke the credential: %w", version, ErrState)
}

// RetireSilent ends the versions that were silent for as long as p says, of credentials of which a newer version is in use: only then
// has the partner moved on. A version that was never used is silent only since it was made, which is known where a newer one was
// used as long ago; until then it goes on to the end that it has. Where usage is behind, nothing is silent. Errors: ErrActor,
// ErrArgument, the store's; what was ended before an error is in the result.
func (r *Registry) RetireSilent(ctx context.Context, actor Actor, p RetirePolicy, usage Usage) ([]Retired, error) {
	const what = "retire silent versions"
	if err := actor.manages(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if p.After < MinSilence || usage.Of == nil {
		return nil, fmt.Errorf("%s: %w: a version is silent after %d days or more, by somebody who tells", what, ErrArgument,
			MinSilence/(24*time.Hour))
	}
	quiet := r.now().Add(-p.After)
	if !usage.Until.IsZero() && usage.Until.Before(r.now().Add(-usageLag)) {
		return nil, nil
	}
	all, err := r.Credentials(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var done []Retired
	for _, c := range all {
		if p.Environments != nil && !slices.Contains(p.Environments, c.Environment) {
			continue
		}
		for _, number := range r.silent(c, quiet, usage) {
			if len(done) == maxRetired {
				return done, nil
			}
			last := usage.Of(c.ID, number).Last
			err := r.RetireVersion(ctx, actor, c.ID, number, silentText(last, p.After))
			if errors.Is(err, ErrState) || errors.Is(err, ErrNotFound) {
				continue // it was changed meanwhile, or nothing else is there that the partner could use
			}
			if err != nil {
				return done, fmt.Errorf("%s: %w", what, err)
			}
			done = append(done, Retired{CredentialID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, Version: number, LastUse: last})
		}
	}
	return done, nil
}

// silent lists the live versions of c that were not used since quiet although a newer live one was used.
func (r *Registry) silent(c partner.Credential, quiet time.Time, usage Usage) (numbers []int) {
	if !c.RevokedAt.IsZero() {
		return nil
	}
	newer, before := false, false // of the versions so far, newest first: one was used; one was used before quiet
	for _, v := range c.Versions {
		if !v.Live(r.now()) {
			continue
		}
		use := usage.Of(c.ID, v.Number)
		reaches := !usage.Since.IsZero() && !usage.Since.After(quiet)
		switch {
		case !newer:
		case use.Last.IsZero() && before && reaches, !use.Last.IsZero() && !use.Last.After(quiet):
			numbers = append(numbers, v.Number)
		}
		newer = newer || !use.Last.IsZero()
		before = before || !use.First.IsZero() && !use.First.After(quiet)
	}
	return numbers
}

func silentText(last time.Time, after time.Duration) string {
	days := int(after / (24 * time.Hour))
	if last.IsZero() {
		return fmt.Sprintf("silent for more than %d days", days)
	}
	return fmt.Sprintf("silent for more than %d days, last used at %s", days, last.UTC().Format(time.RFC3339))
}
