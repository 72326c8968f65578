package signin

import (
	"errors"
	"net/http"
	"strings"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// recoveryPage asks for a login and one of its recovery codes.
func (h *Handler) recoveryPage(w http.ResponseWriter, _ *http.Request) {
	h.show(w, http.StatusOK, "recovery.html", view{Title: "Recovery code"})
}

// useRecovery opens a session that registers a new passkey and nothing else.
func (h *Handler) useRecovery(w http.ResponseWriter, r *http.Request) {
	if !h.withPasskeys(w, r) || !h.readForm(w, r) {
		return
	}
	login := strings.ToLower(strings.TrimSpace(r.PostForm.Get("login")))
	if !h.mayTry(w, r, login) {
		return
	}
	in, err := h.register.UseRecovery(r.Context(), login, r.PostForm.Get("code"), h.from(r))
	if errors.Is(err, operator.ErrNotSignedIn) {
		h.failedTry(r, "recovery", login, "a recovery code that does not fit")
		h.show(w, http.StatusForbidden, "recovery.html", view{Title: "Recovery code", Data: login,
			Message: "This code does not fit this login, or was used already."})
		return
	}
	if err != nil {
		h.broke(w, r, "use recovery code", err)
		return
	}
	h.begin(w, in.Token)
	http.Redirect(w, r, accountPath, http.StatusSeeOther)
}

// renewRecovery makes new codes and shows them this once.
func (h *Handler) renewRecovery(w http.ResponseWriter, r *http.Request) {
	if !h.readForm(w, r) {
		return
	}
	a, ok := h.proved(w, r)
	if !ok {
		return
	}
	codes, err := h.register.RenewRecovery(r.Context(), a.ID)
	if err != nil {
		h.unfit(w, r, "make recovery codes", err)
		return
	}
	h.show(w, http.StatusOK, "codes.html", view{Title: "Recovery codes", Data: codes})
}

// breakGlassPage asks for a code and for the reason.
func (h *Handler) breakGlassPage(w http.ResponseWriter, r *http.Request) {
	h.show(w, http.StatusOK, "breakglass.html", view{Title: "Break glass", Next: h.next(r.URL.Query().Get("next"))})
}

// useBreakGlass opens a break-glass session.
func (h *Handler) useBreakGlass(w http.ResponseWriter, r *http.Request) {
	if !h.readForm(w, r) || !h.mayTry(w, r, "") {
		return
	}
	opened, err := h.ops.UseBreakGlass(r.Context(), strings.TrimSpace(r.PostForm.Get("code")), r.PostForm.Get("why"), h.from(r))
	again := view{Title: "Break glass", Next: h.next(r.PostForm.Get("next"))}
	switch {
	case errors.Is(err, operator.ErrNotSignedIn):
		h.failedTry(r, "break_glass", "", "a break-glass code that is unknown, was used, or has ended")
		again.Message = "This code does not count: it is not whole, was used already, or has ended."
		h.show(w, http.StatusForbidden, "breakglass.html", again)
	case errors.Is(err, registry.ErrArgument):
		again.Message = "Say in one line of at least ten characters why this cannot wait; it stands in the record."
		h.show(w, http.StatusUnprocessableEntity, "breakglass.html", again)
	case err != nil:
		h.broke(w, r, "open break-glass", err)
	default:
		h.begin(w, opened.Token)
		http.Redirect(w, r, h.next(r.PostForm.Get("next")), http.StatusSeeOther)
	}
}
