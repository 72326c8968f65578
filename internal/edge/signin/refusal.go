package signin

import (
	"context"
	"errors"
	"net/http"

	"countersign.dev/internal/operator"
)

// refused records a sign-in that was not let through. That it cannot be recorded changes nothing for the caller, who is refused
// either way.
func (h *Handler) refused(r *http.Request, operation, why string) {
	if err := h.refusals.write(context.WithoutCancel(r.Context()), h.source(r), operation, why); err != nil {
		h.log("record a refused sign-in", err)
	}
}

// source is where a request comes from, for counting and for the record.
func (h *Handler) source(r *http.Request) string { return sourceOf(h.address(r)) }

// from is the very address, for the record of who signed in.
func (h *Handler) from(r *http.Request) string {
	if a := h.address(r); a.IsValid() {
		return a.String()
	}
	return "unknown"
}

// mayStart takes one of what a source may begin without having proved anything; false: it was answered.
func (h *Handler) mayStart(w http.ResponseWriter, r *http.Request) bool {
	if tired, wait := h.failures.empty(h.source(r), h.now()); tired {
		h.tooMany(w, r, wait)
		return false
	}
	ok, wait := h.starts.take(h.source(r), h.now())
	if ok {
		ok, wait = h.allStarts.take("all sources", h.now())
	}
	if !ok {
		h.tooMany(w, r, wait)
	}
	return ok
}

// mayTry reports whether a source may try a proof, and one of an account where login is not empty; false: it was answered.
func (h *Handler) mayTry(w http.ResponseWriter, r *http.Request, login string) bool {
	for _, key := range h.counted(r, login) {
		if tired, wait := h.failures.empty(key, h.now()); tired {
			h.tooMany(w, r, wait)
			return false
		}
	}
	return true
}

// counted are the buckets that a failure takes from: the source's, and the source's for this account, which is smaller because a
// failure takes two of it. None is the account's alone, so that nobody can shut another one out.
func (h *Handler) counted(r *http.Request, login string) []string {
	source := h.source(r)
	if login == "" {
		return []string{source}
	}
	account := operator.HashToken(login)[:16] + " " + source
	return []string{source, account}
}

// failedTry counts and records a proof that failed.
func (h *Handler) failedTry(r *http.Request, way, login, why string) {
	h.failed(way)
	for i, key := range h.counted(r, login) {
		for range i + 1 {
			h.failures.take(key, h.now())
		}
	}
	h.refused(r, "sign_in."+way, why)
}

// broke answers an error that is ours, and logs it.
func (h *Handler) broke(w http.ResponseWriter, r *http.Request, what string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	h.log(what, err)
	h.fail(w, r, http.StatusServiceUnavailable, "This does not work at the moment; nothing was changed. Try again in a minute.")
}
