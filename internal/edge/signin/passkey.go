package signin

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// passkeyTicket is what a ceremony needs at its end. One of a sign-in is not one of a registration.
type passkeyTicket struct {
	Purpose string               `json:"purpose"` // "sign in", or whose registration it is: "link", "account"
	Session webauthn.SessionData `json:"session"`
	Account string               `json:"account,omitempty"`
	Login   string               `json:"login,omitempty"`
	Name    string               `json:"name,omitempty"`
	Key     string               `json:"key,omitempty"` // the passkey's name
}

const purposeSignIn = "sign in"

// keepCeremony keeps a ticket and gives its name to the browser; false: it was answered.
func (h *Handler) keepCeremony(w http.ResponseWriter, r *http.Request, t passkeyTicket) bool {
	body, err := json.Marshal(t)
	if err == nil {
		var name string
		if name, err = h.register.KeepTicket(r.Context(), registry.PasskeyTicket, body, stateLife); err == nil {
			h.setCookie(w, stateCookie, name, stateLife, http.SameSiteStrictMode)
			return true
		}
	}
	h.broke(w, r, "begin ceremony", err)
	return false
}

// takeCeremony takes the ticket of this browser's ceremony, once; false: it was answered.
func (h *Handler) takeCeremony(w http.ResponseWriter, r *http.Request) (t passkeyTicket, ok bool) {
	body, err := h.register.TakeTicket(r.Context(), registry.PasskeyTicket, h.cookie(r, stateCookie))
	h.dropCookie(w, stateCookie)
	if err == nil {
		err = json.Unmarshal(body, &t)
	}
	switch {
	case errors.Is(err, registry.ErrNotFound):
		h.failedTry(r, "passkey", "", "a ceremony that was not begun in this browser, was finished already, or took too long")
		h.fail(w, r, http.StatusForbidden, "This took too long, or was finished already. Begin again.")
	case err != nil:
		h.broke(w, r, "finish ceremony", err)
	}
	return t, err == nil
}

// withPasskeys reports whether passkeys are offered; false: it was answered.
func (h *Handler) withPasskeys(w http.ResponseWriter, r *http.Request) bool {
	if h.passkeys == nil {
		h.fail(w, r, http.StatusNotFound, "Passkeys are not offered here.")
	}
	return h.passkeys != nil
}

// beginPasskey gives a challenge to whoever wants to sign in; which account it is says the authenticator.
func (h *Handler) beginPasskey(w http.ResponseWriter, r *http.Request) {
	if !h.withPasskeys(w, r) || !h.readJSON(w, r, &struct{}{}) || !h.mayStart(w, r) {
		return
	}
	options, session, err := h.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		h.broke(w, r, "begin sign-in", err)
		return
	}
	if h.keepCeremony(w, r, passkeyTicket{Purpose: purposeSignIn, Session: *session}) {
		answer(w, http.StatusOK, options)
	}
}

// finishPasskey verifies the assertion and signs its account in.
func (h *Handler) finishPasskey(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Credential json.RawMessage `json:"credential"`
		Next       string          `json:"next"`
	}
	if !h.withPasskeys(w, r) || !h.readJSON(w, r, &in) || !h.mayTry(w, r, "") {
		return
	}
	t, ok := h.takeCeremony(w, r)
	if !ok {
		return
	}
	if t.Purpose != purposeSignIn {
		h.refusePasskey(w, r, "", "the ceremony was begun for something else")
		return
	}
	key, problem, err := h.verifyAssertion(r, t.Session, in.Credential)
	switch {
	case err != nil:
		h.broke(w, r, "verify passkey", err)
		return
	case problem != "":
		h.refusePasskey(w, r, key.account.Login, problem)
		return
	}
	done, err := h.register.SignInPasskey(r.Context(), key.account.ID, key.id, key.before, key.after, h.from(r), h.terms)
	if errors.Is(err, registry.ErrSignIn) {
		h.refusePasskey(w, r, key.account.Login, err.Error())
		return
	}
	if err != nil {
		h.broke(w, r, "sign in", err)
		return
	}
	h.begin(w, done.Token)
	answer(w, http.StatusOK, map[string]string{"next": h.next(in.Next)})
}

// refusePasskey answers every passkey that does not count alike; the record has the cause.
func (h *Handler) refusePasskey(w http.ResponseWriter, r *http.Request, login, why string) {
	if login != "" {
		why = login + ": " + why
	}
	h.failedTry(r, "passkey", "", why)
	h.fail(w, r, http.StatusForbidden, "This passkey was not accepted. If it is yours, ask "+h.host()+": the cause is in the record.")
}

// proved is a passkey whose assertion verified, as it was and as it is from now on.
type proved struct {
	account       operator.Account
	id            string
	before, after json.RawMessage
}

// verifyAssertion finds the account by the user handle, verifies, and refuses a counter that went back: then there are two copies
// of the key (WebAuthn §6.1.1). problem says why it does not count; err is ours.
func (h *Handler) verifyAssertion(r *http.Request, session webauthn.SessionData, raw json.RawMessage) (key proved, problem string, err error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return key, "the assertion cannot be read", nil
	}
	var broken error
	find := func(_, handle []byte) (webauthn.User, error) {
		a, err := h.register.Account(r.Context(), string(handle))
		if err != nil {
			if !errors.Is(err, registry.ErrNotFound) && !errors.Is(err, registry.ErrArgument) {
				broken = err
			}
			return nil, err
		}
		if key.account = a; a.ID != string(handle) || a.Origin != operator.ByPasskey {
			return nil, registry.ErrNotFound
		}
		who, err := personOf(a)
		if err != nil {
			broken = err
			return nil, err
		}
		return who, nil
	}
	_, credential, err := h.passkeys.ValidatePasskeyLogin(find, session, parsed)
	switch {
	case broken != nil:
		return key, "", broken
	case err != nil:
		return key, "the assertion does not verify", nil
	case credential.Authenticator.CloneWarning:
		return key, "the counter of the passkey went back: there may be a copy of it", nil
	case !parsed.Response.AuthenticatorData.Flags.HasUserVerified():
		return key, "the authenticator did not verify its user", nil
	}
	if key.after, err = json.Marshal(credential); err != nil {
		return key, "", err
	}
	for _, k := range key.account.Passkeys {
		if k.ID == keyID(credential.ID) {
			key.id, key.before = k.ID, k.Credential
		}
	}
	return key, "", nil
}
