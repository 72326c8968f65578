package signin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// freshSignIn is how young a session must be to change how its account signs in: a browser that was left alone is not enough.
const freshSignIn = 10 * time.Minute

// The registrations.
const (
	purposeLink    = "link"    // the first passkey, with a one-time link
	purposeAccount = "account" // a further one, signed in
)

// newPasskey begins a registration: for the holder of a one-time link, or for somebody who has just signed in.
func (h *Handler) newPasskey(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Login string `json:"login"`
		Name  string `json:"name"`
		Key   string `json:"key"`
		Link  bool   `json:"link"`
	}
	if !h.withPasskeys(w, r) || !h.readJSON(w, r, &in) || !h.mayStart(w, r) {
		return
	}
	t := passkeyTicket{Purpose: purposeAccount, Key: strings.TrimSpace(in.Key)}
	if t.Key == "" {
		t.Key = "passkey"
	}
	var a operator.Account
	var ok bool
	if in.Link {
		t.Purpose, t.Login, t.Name = purposeLink, operator.FoldLogin(strings.TrimSpace(in.Login)), strings.TrimSpace(in.Name)
		a, ok = h.byLink(w, r, &t)
	} else {
		a, ok = h.fresh(w, r)
	}
	if !ok || !h.fits(w, r, t) {
		return
	}
	t.Account = a.ID
	who, err := personOf(a)
	if err != nil {
		h.broke(w, r, "begin registration", err)
		return
	}
	if who.login == "" {
		who.login = t.Login
	}
	if in.Link {
		who.credentials = nil // the link starts the account over
	}
	options, session, err := h.passkeys.BeginRegistration(who, webauthn.WithExclusions(exclusions(who)))
	if err != nil {
		h.broke(w, r, "begin registration", err)
		return
	}
	t.Session = *session
	if h.keepCeremony(w, r, t) {
		answer(w, http.StatusOK, options)
	}
}

func exclusions(p *person) []protocol.CredentialDescriptor {
	list := make([]protocol.CredentialDescriptor, 0, len(p.credentials))
	for _, c := range p.credentials {
		list = append(list, c.Descriptor())
	}
	return list
}

// fits refuses names that the register would refuse, before anybody touches an authenticator.
func (h *Handler) fits(w http.ResponseWriter, r *http.Request, t passkeyTicket) bool {
	err := operator.CheckName(t.Key)
	if err == nil {
		err = operator.CheckName(t.Name)
	}
	if err != nil {
		h.fail(w, r, http.StatusUnprocessableEntity, err.Error()+".")
	}
	return err == nil
}

// byLink is whose link the browser carries; false: it was answered.
func (h *Handler) byLink(w http.ResponseWriter, r *http.Request, t *passkeyTicket) (operator.Account, bool) {
	a, err := h.register.LinkAccount(r.Context(), h.cookie(r, linkCookie))
	if err != nil {
		h.refuseLink(w, r, err)
		return a, false
	}
	if a.Login == "" {
		if err := operator.CheckLogin(t.Login); err != nil {
			h.fail(w, r, http.StatusUnprocessableEntity, err.Error()+".")
			return a, false
		}
	}
	return a, true
}

// fresh is the account of somebody who signed in a moment ago, also with a recovery code; false: it was answered.
func (h *Handler) fresh(w http.ResponseWriter, r *http.Request) (operator.Account, bool) {
	a, _, ok := h.freshSession(w, r)
	return a, ok
}

// proved is fresh without recovery codes: those lead to a new passkey and to nothing else.
func (h *Handler) proved(w http.ResponseWriter, r *http.Request) (operator.Account, bool) {
	a, s, ok := h.freshSession(w, r)
	if ok && s.Kind == registry.RecoverySession {
		ok = false
		h.fail(w, r, http.StatusForbidden, "Register a passkey and sign in with it first.")
	}
	return a, ok
}

func (h *Handler) freshSession(w http.ResponseWriter, r *http.Request) (operator.Account, registry.Session, bool) {
	a, s, err := h.register.SignedIn(r.Context(), h.cookie(r, sessionCookie))
	switch {
	case errors.Is(err, operator.ErrNotSignedIn):
		h.fail(w, r, http.StatusForbidden, "You are not signed in, or not any more.")
	case err != nil:
		h.broke(w, r, "find session", err)
	case s.Kind != registry.RecoverySession && h.now().Sub(s.CreatedAt) > freshSignIn:
		err = operator.ErrNotSignedIn
		h.fail(w, r, http.StatusForbidden, "For this, sign out and in again: it wants a sign-in of the last ten minutes.")
	}
	return a, s, err == nil
}

// addPasskey ends a registration. With a link the account is signed in and gets recovery codes, which are shown this once.
func (h *Handler) addPasskey(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Credential json.RawMessage `json:"credential"`
	}
	if !h.withPasskeys(w, r) || !h.readJSON(w, r, &in) || !h.mayTry(w, r, "") {
		return
	}
	t, ok := h.takeCeremony(w, r)
	if !ok {
		return
	}
	key, problem, err := h.verifyAttestation(t, in.Credential)
	switch {
	case err != nil:
		h.broke(w, r, "verify passkey", err)
	case problem != "":
		h.refusePasskey(w, r, t.Login, problem)
	case t.Purpose == purposeLink:
		h.redeem(w, r, t, key)
	case t.Purpose == purposeAccount:
		h.addFurther(w, r, t, key)
	default:
		h.refusePasskey(w, r, "", "the ceremony was begun for something else")
	}
}

// verifyAttestation makes a passkey of what the authenticator answered.
func (h *Handler) verifyAttestation(t passkeyTicket, raw json.RawMessage) (key operator.Passkey, problem string, err error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(raw)
	if err != nil {
		return key, "the registration cannot be read", nil
	}
	who := &person{account: operator.Account{ID: t.Account}}
	credential, err := h.passkeys.CreateCredential(who, t.Session, parsed)
	if err != nil || !credential.Flags.UserVerified {
		return key, "the registration does not verify", nil
	}
	key = operator.Passkey{ID: keyID(credential.ID), Name: t.Key}
	key.Credential, err = json.Marshal(credential)
	return key, "", err
}

// redeem uses the link up, if it is the one with which the ceremony began: another one may have come into the browser since, and
// would start another account over with a passkey that carries the wrong handle.
func (h *Handler) redeem(w http.ResponseWriter, r *http.Request, t passkeyTicket, key operator.Passkey) {
	a, err := h.register.LinkAccount(r.Context(), h.cookie(r, linkCookie))
	if err != nil {
		h.refuseLink(w, r, err)
		return
	}
	if a.ID != t.Account {
		h.refusePasskey(w, r, a.Login, "the ceremony was begun with another link")
		return
	}
	with := registry.Redemption{Login: t.Login, Name: t.Name, Passkey: key}
	in, err := h.register.RedeemLink(r.Context(), h.cookie(r, linkCookie), with, h.from(r), h.terms)
	switch {
	case errors.Is(err, operator.ErrNotSignedIn):
		h.refuseLink(w, r, err)
	case err != nil:
		h.unfit(w, r, "redeem link", err)
	default:
		h.begin(w, in.Token)
		answer(w, http.StatusOK, map[string]any{"next": h.home, "recovery": in.Recovery})
	}
}

// addFurther gives a signed-in account one more passkey. Whoever came with a recovery code signs in with it next.
func (h *Handler) addFurther(w http.ResponseWriter, r *http.Request, t passkeyTicket, key operator.Passkey) {
	a, ok := h.fresh(w, r)
	if !ok {
		return
	}
	if a.ID != t.Account {
		h.refusePasskey(w, r, a.Login, "the ceremony was begun for another account")
		return
	}
	if _, err := h.register.AddPasskey(r.Context(), a.ID, key); err != nil {
		h.unfit(w, r, "add passkey", err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"next": accountPath})
}

// unfit answers an error of the register: what the visitor can mend, or what is ours.
func (h *Handler) unfit(w http.ResponseWriter, r *http.Request, what string, err error) {
	for _, told := range []error{registry.ErrArgument, registry.ErrState, registry.ErrNotFound, partner.ErrInvalid} {
		if errors.Is(err, told) {
			h.fail(w, r, http.StatusUnprocessableEntity, err.Error()+".")
			return
		}
	}
	h.broke(w, r, what, err)
}

// removePasskey takes one of one's own passkeys away.
func (h *Handler) removePasskey(w http.ResponseWriter, r *http.Request) {
	if !h.readForm(w, r) {
		return
	}
	a, ok := h.proved(w, r)
	if !ok {
		return
	}
	if _, err := h.register.RemovePasskey(r.Context(), a.ID, r.PostForm.Get("key")); err != nil {
		h.unfit(w, r, "remove passkey", err)
		return
	}
	http.Redirect(w, r, accountPath, http.StatusSeeOther)
}
