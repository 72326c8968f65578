package console

import (
	"errors"
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// accountAct is a short form of an account's page.
func (v *visit) accountAct(w http.ResponseWriter, r *http.Request, named, key string, act func(id string,
	form *page.Form) (api.Answer[api.AccountChanged], error)) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	id := r.PathValue("account")
	done, err := act(id, form)
	switch {
	case isStale(err):
		form.Problem = "Somebody changed this account after your page was made, and nothing was done. This is how it is now."
		v.accountAgain(w, r, form, named, http.StatusPreconditionFailed)
	case err != nil && refused(form, err):
		v.accountAgain(w, r, form, named, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, done.Waiting):
	case key == "":
		v.accountLink(w, r, done.Value)
	default:
		v.done(w, r, page.Path(base+accountsPath, id), key)
	}
}

func (v *visit) accountDisable(w http.ResponseWriter, r *http.Request) {
	v.accountAct(w, r, "disable", "account-disabled", func(id string, form *page.Form) (api.Answer[api.AccountChanged], error) {
		return v.api.AccountDisable(r.Context(), id, api.AccountDisableParams{IdempotencyKey: form.Key,
			IfMatch: match(form.Value("etag"))}, api.Act{Reason: form.Value("reason")})
	})
}

func (v *visit) accountEnable(w http.ResponseWriter, r *http.Request) {
	v.accountAct(w, r, "enable", "account-enabled", func(id string, form *page.Form) (api.Answer[api.AccountChanged], error) {
		return v.api.AccountEnable(r.Context(), id, api.AccountEnableParams{IdempotencyKey: form.Key,
			IfMatch: match(form.Value("etag"))}, api.Act{Reason: form.Value("reason")})
	})
}

func (v *visit) accountReinvite(w http.ResponseWriter, r *http.Request) {
	v.accountAct(w, r, "invite", "", func(id string, form *page.Form) (api.Answer[api.AccountChanged], error) {
		return v.api.AccountReinvite(r.Context(), id, api.AccountReinviteParams{IdempotencyKey: form.Key},
			api.Act{Reason: form.Value("reason")})
	})
}

func (v *visit) accountSessionEnd(w http.ResponseWriter, r *http.Request) {
	if _, ok := v.read(w, r); !ok {
		return
	}
	_, err := v.api.SessionEnd(r.Context(), r.PathValue("session"))
	if err != nil && !errors.Is(err, api.NotFound) { // it has ended already: that is what was asked for
		v.fail(w, r, err)
		return
	}
	v.done(w, r, page.Path(base+accountsPath, r.PathValue("account")), "session-ended")
}

// isStale reports whether somebody else was quicker.
func isStale(err error) bool { return errors.Is(err, api.Stale) }

// sameWords reports whether two lists have the same words, in any order.
func sameWords[A, B ~string](a []A, b []B) bool {
	one, two := make([]string, 0, len(a)), make([]string, 0, len(b))
	for _, w := range a {
		one = append(one, string(w))
	}
	for _, w := range b {
		two = append(two, string(w))
	}
	slices.Sort(one)
	slices.Sort(two)
	return slices.Equal(one, two)
}
