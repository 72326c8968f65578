package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/secret"
)

// recoveryBytes are the random bytes of a recovery code: 80 bits, 16 letters and digits.
const recoveryBytes = 10

// fresh is a passkey that is added now.
func (r *Registry) fresh(key operator.Passkey) operator.Passkey {
	key.AddedAt, key.UsedAt = r.now(), time.Time{}
	return key
}

// SignInPasskey signs an account in whose passkey the caller has verified: before is the credential record that it was verified
// against, after the one with the new counter and flags. Where the record has changed meanwhile, the sign-in is refused: the
// counter would be compared with an old one. Errors: ErrSignIn, secret.ErrRandom, the store's.
func (r *Registry) SignInPasskey(
	ctx context.Context, accountID, keyID string, before, after json.RawMessage, from string, terms SessionTerms,
) (SignIn, error) {
	return r.signIn(ctx, func(tx Tx) (SignIn, error) {
		a, err := r.realm.accounts.get(tx, accountID)
		if err != nil {
			return SignIn{}, err
		}
		at := slices.IndexFunc(a.Passkeys, func(k operator.Passkey) bool { return k.ID == keyID })
		if a.Origin != operator.ByPasskey || at < 0 || !bytes.Equal(a.Passkeys[at].Credential, before) {
			return SignIn{}, fmt.Errorf("%w: the passkey is not what it was a moment ago", ErrSignIn)
		}
		a.Passkeys = slices.Clone(a.Passkeys)
		a.Passkeys[at].Credential, a.Passkeys[at].UsedAt = after, r.now()
		return r.admit(tx, a, fmt.Sprintf("with the passkey %q", a.Passkeys[at].Name), from, terms)
	})
}

// AddPasskey gives an account a further passkey, in its own name. Where the session that asks is a recovery session, it ends.
// Errors: ErrArgument, ErrNotFound, ErrState for an account that is not active, has no passkeys of its own or has this one, the
// store's.
func (r *Registry) AddPasskey(ctx context.Context, accountID string, key operator.Passkey) (operator.Account, error) {
	return r.ownCase(ctx, accountID, "add passkey", func(tx Tx, a operator.Account) (operator.Account, error) {
		if slices.ContainsFunc(a.Passkeys, func(k operator.Passkey) bool { return k.ID == key.ID }) {
			return a, fmt.Errorf("%w: this passkey is there already", ErrState)
		}
		a.Passkeys = append(slices.Clone(a.Passkeys), r.fresh(key))
		if err := r.dropRecoverySessions(tx, a.ID); err != nil {
			return a, err
		}
		return a, r.putAccount(tx, self(a), r.realm.keyAdded, a, fmt.Sprintf("%s: %q", a.Login, key.Name))
	})
}

// RemovePasskey takes a passkey away, in the account's own name. The last one goes only while there are recovery codes. Errors as
// AddPasskey.
func (r *Registry) RemovePasskey(ctx context.Context, accountID, keyID string) (operator.Account, error) {
	return r.ownCase(ctx, accountID, "remove passkey", func(tx Tx, a operator.Account) (operator.Account, error) {
		at := slices.IndexFunc(a.Passkeys, func(k operator.Passkey) bool { return k.ID == keyID })
		switch {
		case at < 0:
			return a, fmt.Errorf("passkey: %w", ErrNotFound)
		case len(a.Passkeys) == 1 && len(a.Recovery) == 0:
			return a, fmt.Errorf("%w: this is the last passkey and there are no recovery codes; make new codes first", ErrState)
		}
		name := a.Passkeys[at].Name
		a.Passkeys = slices.Delete(slices.Clone(a.Passkeys), at, at+1)
		return a, r.putAccount(tx, self(a), r.realm.keyRemoved, a, fmt.Sprintf("%s: %q", a.Login, name))
	})
}

// RenewRecovery makes ten new recovery codes in the place of those that are left. They are shown this once. Errors as AddPasskey,
// and secret.ErrRandom.
func (r *Registry) RenewRecovery(ctx context.Context, accountID string) (codes []string, err error) {
	_, err = r.ownCase(ctx, accountID, "make recovery codes", func(tx Tx, a operator.Account) (operator.Account, error) {
		var err error
		if codes, err = r.freshRecovery(&a); err != nil {
			return a, err
		}
		return a, r.putAccount(tx, self(a), r.realm.changed, a, a.Login+": new recovery codes")
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// ownCase is what an account does to itself.
func (r *Registry) ownCase(
	ctx context.Context, accountID, what string, change func(Tx, operator.Account) (operator.Account, error),
) (operator.Account, error) {
	var changed operator.Account
	err := r.store.Update(ctx, func(tx Tx) error {
		a, err := r.realm.accounts.get(tx, accountID)
		if err != nil {
			return err
		}
		if shut, err := barred(tx, a); err != nil || shut {
			return cmp.Or(err, fmt.Errorf("%w: the partner of %s is closed", ErrState, a.Login))
		}
		if a.State() != operator.Active || a.Origin != operator.ByPasskey {
			return fmt.Errorf("%w: only an active account that signs in with passkeys has them", ErrState)
		}
		changed, err = change(tx, a)
		return err
	})
	if err != nil {
		return operator.Account{}, fmt.Errorf("%s: %w", what, err)
	}
	return changed, nil
}

func (r *Registry) dropRecoverySessions(tx Tx, owner string) error {
	all, err := r.sessionsOf(tx, owner)
	if err != nil {
		return err
	}
	return r.putSessions(tx, owner, slices.DeleteFunc(all, func(s sessionRow) bool { return s.Kind == RecoverySession }))
}

// freshRecovery gives a new codes and returns them.
func (r *Registry) freshRecovery(a *operator.Account) ([]string, error) {
	codes := make([]string, operator.RecoveryCodes)
	a.Recovery = make([]string, operator.RecoveryCodes)
	for i := range codes {
		var b [recoveryBytes]byte
		if _, err := io.ReadFull(r.random, b[:]); err != nil {
			return nil, fmt.Errorf("%w: %w", secret.ErrRandom, err)
		}
		text := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		a.Recovery[i] = hashRecovery(a.ID, text)
	}
	return codes, nil
}

// hashRecovery binds a code to its account. 80 random bits need no slow hash.
func hashRecovery(accountID, text string) string {
	sum := sha256.Sum256([]byte("countersign recovery\n" + accountID + "\n" + text))
	return hex.EncodeToString(sum[:])
}

// readRecovery is a code as it was hashed: people leave dashes out, write capitals, and read an o as a 0. Empty: it is none.
func readRecovery(code string) string {
	text := strings.NewReplacer("-", "", " ", "", "0", "o", "1", "l").Replace(strings.ToLower(code))
	if b, err := base32.StdEncoding.DecodeString(strings.ToUpper(text)); len(code) > 64 || err != nil || len(b) != recoveryBytes {
		return ""
	}
	return text
}

// UseRecovery uses a recovery code up and opens a session that registers a new passkey and nothing else. Errors:
// operator.ErrNotSignedIn for whatever does not fit, which is never told apart; secret.ErrRandom, the store's.
func (r *Registry) UseRecovery(ctx context.Context, login, code, from string) (SignIn, error) {
	text := readRecovery(code)
	return r.signIn(ctx, func(tx Tx) (SignIn, error) {
		a, found, err := r.realm.accounts.find(tx, operator.FoldLogin(strings.TrimSpace(login)))
		if err != nil {
			return SignIn{}, err
		}
		hash, at := []byte(hashRecovery(a.ID, text)), -1
		for i, kept := range a.Recovery {
			if subtle.ConstantTimeCompare(hash, []byte(kept)) == 1 {
				at = i
			}
		}
		if !found || text == "" || at < 0 || a.State() != operator.Active || a.Origin != operator.ByPasskey {
			return SignIn{}, operator.ErrNotSignedIn
		}
		if shut, err := barred(tx, a); err != nil || shut {
			return SignIn{}, cmp.Or(err, operator.ErrNotSignedIn)
		}
		a.Recovery = slices.Delete(slices.Clone(a.Recovery), at, at+1)
		s, token, err := r.openSession(tx, a.ID, a.Login, RecoverySession, r.now().Add(RecoveryLife), RecoveryLife)
		if err != nil {
			return SignIn{}, err
		}
		detail := fmt.Sprintf("%s from %s; %d codes are left", a.Login, clip(from, 60), len(a.Recovery))
		return SignIn{Account: a, Session: s, Token: token}, r.putAccount(tx, self(a), r.realm.recovered, a, detail)
	})
}
