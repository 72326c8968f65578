package signin

import (
	"errors"
	"net/http"
	"strings"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// frontView is what the first page offers to somebody who is not signed in.
type frontView struct {
	OIDC, Passkeys bool
}

// accountView is what somebody who is signed in sees of their own account.
type accountView struct {
	Account  operator.Account
	Session  registry.Session
	Recovery bool // signed in with a recovery code: registers a passkey and nothing else
	Passkeys bool // the account signs in with passkeys
	Roles    string
	Scope    string
}

// front is the sign-in page, or the page of one's own account.
func (h *Handler) front(w http.ResponseWriter, r *http.Request) {
	a, s, err := h.register.SignedIn(r.Context(), h.cookie(r, sessionCookie))
	switch {
	case err == nil && !asksToGoOn(r):
		h.show(w, http.StatusOK, "account.html", view{Title: "Your account", Data: viewOf(a, s), Next: h.home})
		return
	case err == nil && s.Kind != registry.RecoverySession:
		http.Redirect(w, r, h.next(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	case err != nil && !errors.Is(err, operator.ErrNotSignedIn):
		h.broke(w, r, "find session", err)
		return
	}
	if p, err := h.Authenticate(r); err == nil && p.BreakGlass() {
		h.show(w, http.StatusOK, "broken.html", view{Title: "Break-glass session", Data: p})
		return
	}
	h.show(w, http.StatusOK, "front.html", view{Title: "Sign in", Next: h.next(r.URL.Query().Get("next")),
		Data: frontView{h.provider != nil, h.passkeys != nil}})
}

// asksToGoOn reports whether the visitor came here on the way to another page.
func asksToGoOn(r *http.Request) bool {
	next := r.URL.Query().Get("next")
	return isLocalPath(next) && next != accountPath
}

func viewOf(a operator.Account, s registry.Session) accountView {
	v := accountView{Account: a, Session: s, Recovery: s.Kind == registry.RecoverySession, Passkeys: a.Origin == operator.ByPasskey,
		Scope: "all environments"}
	names := make([]string, len(a.Roles))
	for i, role := range a.Roles {
		names[i] = string(role)
	}
	v.Roles = strings.Join(names, ", ")
	if a.Environments != nil {
		v.Scope = strings.Join(a.Environments, ", ")
	}
	return v
}

// signOut ends the session, here and in the register.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) {
	if token := h.cookie(r, sessionCookie); token != "" {
		if err := h.register.SignOut(r.Context(), h.session, token); err != nil {
			h.broke(w, r, "sign out", err)
			return
		}
	}
	h.dropCookie(w, sessionCookie)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, accountPath, http.StatusSeeOther)
}

// linkPage asks for the token of a one-time link; the page's script takes it from behind the #.
func (h *Handler) linkPage(w http.ResponseWriter, _ *http.Request) {
	h.show(w, http.StatusOK, "link.html", view{Title: "One-time link"})
}

// takeLink looks at the token and keeps it in a cookie until the ceremony uses it up.
func (h *Handler) takeLink(w http.ResponseWriter, r *http.Request) {
	if !h.readForm(w, r) || !h.mayTry(w, r, "") {
		return
	}
	token := strings.TrimSpace(r.PostForm.Get("token"))
	if h.demo != nil && h.demo.take(token, h.links()) {
		h.signInDemo(w, r)
		return
	}
	if _, err := h.register.LinkAccount(r.Context(), token); err != nil {
		h.refuseLink(w, r, err)
		return
	}
	h.setCookie(w, linkCookie, token, stateLife, http.SameSiteLaxMode)
	http.Redirect(w, r, "/sign-in/welcome", http.StatusSeeOther)
}

func (h *Handler) signInDemo(w http.ResponseWriter, r *http.Request) {
	in, err := h.register.SignInDemo(r.Context(), h.demo.Login, h.from(r), h.terms)
	if err != nil {
		h.broke(w, r, "sign in for the demonstration", err)
		return
	}
	h.begin(w, in.Token)
	http.Redirect(w, r, h.home, http.StatusSeeOther)
}

// refuseLink answers a link that does not count, or an error that is ours.
func (h *Handler) refuseLink(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, operator.ErrNotSignedIn) {
		h.broke(w, r, "open link", err)
		return
	}
	h.failedTry(r, "link", "", "a one-time link that is unknown, was used, or has ended")
	h.dropCookie(w, linkCookie)
	help := "Ask " + h.host() + " for a new one."
	if h.demo != nil {
		help = "The next one stands in the log of this server, in the terminal where it was started."
	}
	h.fail(w, r, http.StatusForbidden, "This link does not count: it was used, it has ended, or it is not whole. "+help)
}

// host is who helps somebody who cannot sign in.
func (h *Handler) host() string {
	if h.ops == nil {
		return "whoever invited you"
	}
	return "an admin"
}

// welcome is where the holder of a link chooses how to sign in from now on.
func (h *Handler) welcome(w http.ResponseWriter, r *http.Request) {
	a, err := h.register.LinkAccount(r.Context(), h.cookie(r, linkCookie))
	if err != nil {
		if errors.Is(err, operator.ErrNotSignedIn) {
			http.Redirect(w, r, "/sign-in/link", http.StatusSeeOther)
			return
		}
		h.broke(w, r, "open link", err)
		return
	}
	h.show(w, http.StatusOK, "welcome.html", view{Title: "Welcome", Next: h.home, Data: struct {
		frontView
		Account operator.Account
		Again   bool
	}{frontView{h.provider != nil, h.passkeys != nil}, a, a.Origin != ""}})
}
