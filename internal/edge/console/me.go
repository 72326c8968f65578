package console

import (
	"errors"
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func meRoutes() []route {
	return []route{
		{pattern: "GET /console/me", serve: (*visit).self},
		{pattern: "POST /console/me/sessions/{session}/end", serve: (*visit).selfSessionEnd, done: map[string]string{
			"own-session-ended": "That session has ended."}},
		{pattern: "POST /console/me/sessions/end-others", serve: (*visit).selfEndOthers, done: map[string]string{
			"others-ended": "Every other session of yours has ended. This one goes on."}},
	}
}

// mePage is one's own account: what one may, and where one is signed in.
type mePage struct {
	Me       api.Me
	Kind     string
	Scope    string
	SignIn   string // where passkeys and recovery codes are kept; empty: it is no account
	Sessions []api.Session
	Others   int
	Form     *page.Form
}

// ownSessions are those of the visitor alone: admins get everybody's from the contract.
func (v *visit) ownSessions(r *http.Request) ([]api.Session, error) {
	found, err := v.api.SessionList(r.Context())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found.Value.Items, func(s api.Session) bool { return s.Owner != v.me.ID }), nil
}

func (v *visit) self(w http.ResponseWriter, r *http.Request) {
	sessions, err := v.ownSessions(r)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	form, err := v.form()
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := mePage{Me: v.me, Kind: "account", Scope: scopeWords(v.me.Environments), Sessions: sessions, Form: form}
	switch v.me.Kind {
	case "operator":
		data.SignIn = v.s.cfg.SignIn
	case "break_glass":
		data.Kind = "break-glass code"
	default:
		data.Kind = v.me.Kind
	}
	for _, s := range sessions {
		if !s.Current {
			data.Others++
		}
	}
	v.show(w, r, "me", page.View{Title: "Your account", Lead: v.me.Name, Data: data})
}

func (v *visit) selfSessionEnd(w http.ResponseWriter, r *http.Request) {
	if _, ok := v.read(w, r); !ok {
		return
	}
	own, err := v.ownSessions(r)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	id := r.PathValue("session")
	if slices.ContainsFunc(own,
		func(s api.Session) bool { return s.ID == id }) { // else it has ended already, or is none of this page's
		if err = v.endSessions(r, []string{id}); err != nil {
			v.fail(w, r, err)
			return
		}
	}
	v.done(w, r, base+"/me", "own-session-ended")
}

func (v *visit) selfEndOthers(w http.ResponseWriter, r *http.Request) {
	if _, ok := v.read(w, r); !ok {
		return
	}
	own, err := v.ownSessions(r)
	var ids []string
	for _, s := range own {
		if !s.Current {
			ids = append(ids, s.ID)
		}
	}
	if err == nil {
		err = v.endSessions(r, ids)
	}
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.done(w, r, base+"/me", "others-ended")
}

// endSessions ends sessions; one that has ended meanwhile is what was asked for.
func (v *visit) endSessions(r *http.Request, ids []string) error {
	for _, id := range ids {
		if _, err := v.api.SessionEnd(r.Context(), id); err != nil && !errors.Is(err, api.NotFound) {
			return err
		}
	}
	return nil
}
