package registry

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// Outcome is what an authentication came to. The zero value is none of them and proves nothing.
type Outcome uint8

// The outcomes of Authenticate and ChangeSecret.
const (
	Proved Outcome = iota + 1 // the caller knows the secret
	Wrong                     // no such login with this credential, revoked, or not the secret
	Locked                    // five consecutive failures; an operator unlocks
	Busy                      // no capacity; nothing was counted
)

// String is the outcome's name in lower case.
func (o Outcome) String() string {
	switch o {
	case Proved:
		return "proved"
	case Wrong:
		return "wrong"
	case Locked:
		return "locked"
	case Busy:
		return "busy"
	}
	return "none"
}

// Authenticate checks the login and secret that were presented together with an app credential (seed: Partner
// Authentication; security rule 30). An error means that we broke; the caller answers 503, and the outcome is zero.
//
// Wrong answers count only when login is the credential's own: the attempt is written down durably before the secret is
// hashed, and cleared when it proves right, so that neither parallel guesses nor a killed process get more than
// partner.MaxFailures guesses. The fifth consecutive failure answers Wrong and locks; every further one answers Locked
// without a hash. Success resets the count. A wrong login, an unknown, revoked or other kind of credential takes a dummy
// hash and counts nothing. Callers beyond the bounded number per credential wait their turn and may get Busy; of wrong
// logins one credential has one hash at a time and eight waiting, so that one app key cannot use the hasher up.
//
// presented is not kept, and wiping it stays with the caller.
func (r *Registry) Authenticate(ctx context.Context, credentialID, login string, presented []byte) (Outcome, error) {
	outcome, err := r.attempt(ctx, credentialID, login, presented, nil)
	if err != nil {
		return 0, fmt.Errorf("authenticate: %w", err)
	}
	return outcome, nil
}

// proof is what happens with a credential whose secret was proved. prepare runs before the closing transaction and may
// hash; finish runs inside it.
type proof struct {
	prepare func(ctx context.Context) error
	finish  func(tx Tx, c *partner.Credential, now time.Time) error
}

func (r *Registry) attempt(ctx context.Context, id, login string, presented []byte, then *proof) (Outcome, error) {
	known, err := view(ctx, r.store, func(tx Tx) (partner.Credential, error) {
		c, _, err := tx.Credential(id)
		return c, err
	})
	switch {
	case err != nil:
		return 0, err
	case !belongs(known, login):
		return r.stranger(ctx, known.ID, presented)
	case !known.LockedAt.IsZero(): // without the queue, and without a turn at the store's one writer
		return Locked, nil
	}
	at, ok := r.gates.Come(id)
	if !ok {
		return Busy, nil
	}
	defer r.gates.Leave(id)
	c, outcome, err := r.begin(ctx, at, id)
	if outcome != 0 || err != nil {
		if outcome == Wrong { // revoked between the two readings
			return r.stranger(ctx, id, presented)
		}
		return outcome, err
	}
	return r.judge(ctx, at, c, presented, then)
}

// belongs reports whether login is that of the app credential c, which is neither unknown nor revoked.
func belongs(c partner.Credential, login string) bool {
	same := subtle.ConstantTimeCompare([]byte(c.Login), []byte(login)) == 1
	return same && c.Login != "" && c.Kind == partner.App && c.RevokedAt.IsZero()
}

// maxStrangers is how many strangers of one credential are let in at once: one is hashed, the others wait.
const maxStrangers = 1 + 8

// stranger answers somebody who may not even fail: same work, no count. Strangers are not counted, so nothing but this gate
// stands between one app key and everybody's hasher: with it one credential takes at most one place there for strangers,
// and Config.Parallel for those who know its login. All unknown credentials (id is empty) are strangers of one.
func (r *Registry) stranger(ctx context.Context, id string, presented []byte) (Outcome, error) {
	at, ok := r.strangers.Come(id)
	if !ok {
		return Busy, nil
	}
	defer r.strangers.Leave(id)
	patience, cancel := context.WithTimeout(ctx, r.queueWait)
	defer cancel()
	if !at.take(patience) {
		return Busy, nil
	}
	defer at.give()
	switch err := r.hasher.Dummy(ctx, presented); {
	case errors.Is(err, secret.ErrBusy):
		return Busy, nil
	case err != nil:
		return 0, err
	}
	return Wrong, nil
}

// judge hashes, with the attempt written down, and settles it. The settlement is not given up when the caller leaves:
// an honest one who hangs up must not be counted.
func (r *Registry) judge(ctx context.Context, at *gate, c partner.Credential, presented []byte, then *proof) (Outcome, error) {
	number, err := r.proves(ctx, c, presented)
	if err == nil && number != 0 && then != nil && then.prepare != nil {
		err = then.prepare(ctx)
	}
	lasting := context.WithoutCancel(ctx)
	switch {
	case err != nil:
		void := r.void(lasting, at, c.ID)
		if errors.Is(err, secret.ErrBusy) && void == nil {
			return Busy, nil
		}
		return 0, errors.Join(err, void)
	case number == 0:
		return r.fail(lasting, at, c.ID)
	}
	return r.succeed(lasting, at, c.ID, number, then)
}

// proves returns the number of the live version that presented belongs to, or 0. Without a live version it still hashes.
func (r *Registry) proves(ctx context.Context, c partner.Credential, presented []byte) (int, error) {
	hashed := false
	for _, v := range c.Versions {
		if !v.Live(r.now()) {
			continue
		}
		hashed = true
		match, err := r.hasher.Verify(ctx, v.Hash, presented)
		if err != nil {
			return 0, fmt.Errorf("credential %s, version %d: %w", c.ID, v.Number, err)
		}
		if match {
			return v.Number, nil
		}
	}
	if !hashed {
		return 0, r.hasher.Dummy(ctx, presented)
	}
	return 0, nil
}
