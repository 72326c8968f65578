package signin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/operator"
)

// terminal is a terminal that asks to be let in: RFC 8252 §7.3, RFC 7636 with S256.
type terminal struct {
	Challenge string
	Port      int
	State     string
	Login     string
	Short     string // the beginning of the challenge, which the terminal shows as well
}

// readTerminal reads what a terminal asks strictly.
func readTerminal(q url.Values) (terminal, bool) {
	t := terminal{Challenge: q.Get("challenge"), State: q.Get("state")}
	port, err := strconv.Atoi(q.Get("port"))
	word := func(text string, least, most int) bool {
		bad := func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
		}
		return len(text) >= least && len(text) <= most && !strings.ContainsFunc(text, bad)
	}
	single := len(q["challenge"]) == 1 && len(q["port"]) == 1 && len(q["state"]) == 1
	if !single || err != nil || strconv.Itoa(port) != q.Get("port") || port < 1024 || port > 65535 ||
		!word(t.Challenge, 43, 43) || !word(t.State, 16, 200) {
		return terminal{}, false
	}
	t.Port, t.Short = port, t.Challenge[:8]
	return t, true
}

// loopback is where the terminal listens.
func (t terminal) loopback() string { return "http://127.0.0.1:" + strconv.Itoa(t.Port) }

// terminalPage asks a person who is signed in whether to let the terminal in.
func (h *Handler) terminalPage(w http.ResponseWriter, r *http.Request) {
	t, ok := readTerminal(r.URL.Query())
	if !ok {
		h.fail(w, r, http.StatusBadRequest, `This is not what "countersign login" opens. Run it again.`)
		return
	}
	p, ok := h.personal(w, r)
	if !ok {
		return
	}
	t.Login = p.Name
	protect(w.Header(), t.loopback())
	h.show(w, http.StatusOK, "terminal.html", view{Title: "Let a terminal in", Data: t})
}

// personal is who is signed in here, by cookie alone: a terminal lets no other terminal in, or one token could be renewed for ever.
// Whoever is not signed in is sent to the sign-in and comes back. False: it was answered.
func (h *Handler) personal(w http.ResponseWriter, r *http.Request) (operator.Principal, bool) {
	p, err := operator.Principal{}, operator.ErrNotSignedIn
	if len(r.Header.Values("Authorization")) == 0 {
		p, err = h.Authenticate(r)
	}
	switch {
	case errors.Is(err, operator.ErrNotSignedIn) && safe(r.Method):
		http.Redirect(w, r, accountPath+"?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	case errors.Is(err, operator.ErrNotSignedIn):
		h.fail(w, r, http.StatusForbidden, `You are not signed in any more. Run "countersign login" again.`)
	case err != nil:
		h.broke(w, r, "authenticate", err)
	}
	return p, err == nil
}

// letTerminalIn sends the browser to the terminal, with a code or with a no.
func (h *Handler) letTerminalIn(w http.ResponseWriter, r *http.Request) {
	if !h.readForm(w, r) {
		return
	}
	t, ok := readTerminal(r.PostForm)
	if !ok {
		h.fail(w, r, http.StatusBadRequest, `This form is not whole. Run "countersign login" again.`)
		return
	}
	p, ok := h.personal(w, r)
	if !ok {
		return
	}
	protect(w.Header(), t.loopback())
	q := url.Values{"state": {t.State}}
	if r.PostForm.Get("answer") != "yes" {
		q.Set("error", "access_denied")
		http.Redirect(w, r, t.loopback()+"/?"+q.Encode(), http.StatusSeeOther)
		return
	}
	code, err := h.ops.TerminalCode(r.Context(), p, t.Challenge)
	if err != nil {
		h.unfit(w, r, "let a terminal in", err)
		return
	}
	q.Set("code", code)
	http.Redirect(w, r, t.loopback()+"/?"+q.Encode(), http.StatusSeeOther)
}

// terminalToken gives a terminal its token for a code and the verifier.
func (h *Handler) terminalToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code     string `json:"code"`
		Verifier string `json:"verifier"`
	}
	if !h.readJSON(w, r, &in) || !h.mayTry(w, r, "") {
		return
	}
	p, token, err := h.ops.TerminalToken(r.Context(), in.Code, in.Verifier)
	if errors.Is(err, operator.ErrNotSignedIn) {
		h.failedTry(r, "terminal", "", "a terminal's code that is unknown, was used, has ended, or is another terminal's")
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant",
			"message": "The code is unknown, was used, has ended, or belongs to another terminal. Run `countersign login` again."})
		return
	}
	if err != nil {
		h.broke(w, r, "let a terminal in", err)
		return
	}
	defer token.Zero()
	answer(w, http.StatusOK, map[string]string{"token": string(token.Bytes()), "expires_at": p.ExpiresAt.UTC().Format(time.RFC3339),
		"kind": string(p.Kind), "name": p.Name, "session": p.SessionID})
}

// endTerminal ends the session of the token that it came with.
func (h *Handler) endTerminal(w http.ResponseWriter, r *http.Request) {
	list := r.Header.Values("Authorization")
	if len(list) == 1 {
		if token, ok := strings.CutPrefix(list[0], "Bearer "); ok {
			if err := h.register.SignOut(r.Context(), operator.TerminalToken, token); err != nil {
				h.broke(w, r, "sign out", err)
				return
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
