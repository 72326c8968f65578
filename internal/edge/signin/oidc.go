package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// oidcTicket is what a sign-in with the provider needs when it comes back.
type oidcTicket struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
	Link     bool   `json:"link"` // a one-time link is being redeemed
}

// startOIDC sends the browser to the provider. State, nonce and verifier are kept under a ticket that only this browser has.
func (h *Handler) startOIDC(w http.ResponseWriter, r *http.Request) {
	if h.provider == nil {
		h.fail(w, r, http.StatusNotFound, "No provider is configured here.")
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		http.Redirect(w, r, accountPath, http.StatusSeeOther)
		return
	}
	if !h.mayStart(w, r) {
		return
	}
	config, _, err := h.provider.get(r.Context())
	if err != nil {
		h.deadProvider(w, r, err)
		return
	}
	t := oidcTicket{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Next: h.next(r.URL.Query().Get("next")),
		Link: r.URL.Query().Get("link") == "1"}
	body, err := json.Marshal(t)
	if err != nil {
		h.broke(w, r, "begin sign-in", err)
		return
	}
	name, err := h.register.KeepTicket(r.Context(), registry.OIDCTicket, body, stateLife)
	if err != nil {
		h.broke(w, r, "begin sign-in", err)
		return
	}
	h.setCookie(w, stateCookie, name, stateLife, http.SameSiteLaxMode)
	http.Redirect(w, r, config.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), http.StatusFound)
}

// random is 256 random bits; crypto/rand never fails.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (h *Handler) deadProvider(w http.ResponseWriter, r *http.Request, err error) {
	h.log("reach the provider", err)
	w.Header().Set("Retry-After", "30")
	h.fail(w, r, http.StatusServiceUnavailable,
		"The identity provider does not answer, so that nobody can sign in with it at the moment. Try again soon.")
}

// finishOIDC is where the provider sends the browser back to.
func (h *Handler) finishOIDC(w http.ResponseWriter, r *http.Request) {
	if h.provider == nil {
		h.fail(w, r, http.StatusNotFound, "No provider is configured here.")
		return
	}
	if !h.mayTry(w, r, "") {
		return
	}
	t, code, problem := h.oidcAnswer(r)
	h.dropCookie(w, stateCookie)
	if problem != nil {
		h.refuseOIDC(w, r, problem)
		return
	}
	who, err := h.provider.identity(r.Context(), code, t)
	if err != nil {
		h.refuseOIDC(w, r, err)
		return
	}
	in, err := h.admitIdentity(r, who, t)
	if err != nil {
		h.refuseOIDC(w, r, err)
		return
	}
	h.begin(w, in.Token)
	http.Redirect(w, r, h.next(t.Next), http.StatusSeeOther)
}

// admitIdentity signs in, or redeems the one-time link with which this began.
func (h *Handler) admitIdentity(r *http.Request, who registry.Identity, t oidcTicket) (registry.SignIn, error) {
	if t.Link {
		return h.ops.RedeemLinkIdentity(r.Context(), h.cookie(r, linkCookie), who, h.from(r), h.terms)
	}
	return h.ops.SignInIdentity(r.Context(), who, h.from(r), h.terms)
}

// oidcAnswer takes the ticket and compares the state, once.
func (h *Handler) oidcAnswer(r *http.Request) (t oidcTicket, code string, err error) {
	ticket := h.cookie(r, stateCookie)
	if ticket == "" {
		return t, "", refusal{why: "this sign-in was not begun in this browser, was finished already, or took too long", stray: true}
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["state"]) != 1 || len(q["code"])+len(q["error"]) != 1 || len(q["iss"]) > 1 {
		return t, "", refusal{why: "the provider's answer is not whole"}
	}
	body, err := h.register.TakeTicket(r.Context(), registry.OIDCTicket, ticket)
	if errors.Is(err, registry.ErrNotFound) {
		return t, "", refusal{why: "this sign-in was not begun in this browser, was finished already, or took too long"}
	}
	if err == nil {
		err = json.Unmarshal(body, &t)
	}
	switch {
	case err != nil:
		return t, "", err
	case !sameText(q.Get("state"), t.State):
		return t, "", refusal{why: "the state is not the one that was sent"}
	case len(q["iss"]) == 1 && q.Get("iss") != h.provider.issuer: // RFC 9207
		return t, "", refusal{why: "the answer is another issuer's"}
	case len(q["error"]) == 1:
		return t, "", refusal{why: "the provider did not sign anybody in"}
	}
	return t, q.Get("code"), nil
}

// refusal is a sign-in that is refused, with a reason that may be told and recorded.
type refusal struct {
	why string
	// stray: nothing was tried. Any page can make a browser ask for the callback, and must not use up what its address may try.
	stray bool
}

func (r refusal) Error() string { return r.why }

// unreachable is a provider that does not answer, or answers what cannot be read.
type unreachable struct{ cause error }

func (u unreachable) Error() string { return "reach the provider: " + u.cause.Error() }
func (u unreachable) Unwrap() error { return u.cause }

// refuseOIDC answers a sign-in that did not succeed. Whom the provider vouches for is told why there is no place; anybody else
// hears that something did not fit.
func (h *Handler) refuseOIDC(w http.ResponseWriter, r *http.Request, err error) {
	var why refusal
	var dead unreachable
	switch {
	case errors.As(err, &why):
		if why.stray {
			h.failed("oidc")
			h.refused(r, "sign_in.oidc", why.why)
		} else {
			h.failedTry(r, "oidc", "", why.why)
		}
		h.fail(w, r, http.StatusForbidden, "The sign-in did not succeed: "+why.why+". Begin again at "+accountPath+".")
	case errors.Is(err, registry.ErrSignIn), errors.Is(err, registry.ErrState), errors.Is(err, registry.ErrArgument):
		h.failedTry(r, "oidc", "", err.Error())
		h.fail(w, r, http.StatusForbidden, notLetIn(err))
	case errors.Is(err, operator.ErrNotSignedIn):
		h.refuseLink(w, r, err)
	case errors.As(err, &dead), errors.Is(err, context.DeadlineExceeded):
		h.deadProvider(w, r, err)
	default:
		h.broke(w, r, "finish sign-in", err)
	}
}

// notLetIn is what the register says of a sign-in, for the page: without the names of its steps in front.
func notLetIn(err error) string {
	text := err.Error()
	if _, reason, ok := strings.Cut(text, registry.ErrSignIn.Error()+": "); ok {
		text = reason
	}
	return "You are not let in: " + text + "."
}
