package console

import (
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func partnerRoutes() []route {
	return []route{
		{pattern: "GET /console/partners", serve: (*visit).partnerList},
		{pattern: "GET /console/partners/new", serve: (*visit).partnerNew},
		{pattern: "POST /console/partners/new", serve: (*visit).partnerAdd,
			done: map[string]string{"partner-added": "The partner is added. It is let in nowhere yet: ask for a review below."}},
		{pattern: "GET /console/partners/{partner}", serve: (*visit).partnerShow},
		{pattern: "GET /console/partners/{partner}/close", serve: (*visit).partnerClose},
		{pattern: "POST /console/partners/{partner}/close", serve: (*visit).partnerClose,
			done: map[string]string{"partner-closed": "The partner is closed for good."}},
		{pattern: "GET /console/partners/{partner}/unlock", serve: (*visit).partnerUnlock},
		{pattern: "POST /console/partners/{partner}/unlock", serve: (*visit).partnerUnlock,
			done: map[string]string{"partner-unlocked": "Every locked credential of this partner may authenticate again."}},
	}
}

// partner reads the partner that the address names. false: it has answered.
func (v *visit) partner(w http.ResponseWriter, r *http.Request) (api.Partner, bool) {
	a, err := v.api.PartnerGet(r.Context(), r.PathValue("partner"))
	if err != nil {
		v.unfound(w, r, err)
		return api.Partner{}, false
	}
	return a.Value, true
}

// unfound answers for a row that could not be read: an address that names what cannot be a row is a page for nothing.
func (v *visit) unfound(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, api.Invalid) {
		v.missing(w, r)
		return
	}
	v.fail(w, r, err)
}

// everywhere is the environment of a change that reaches into all of them: nobody may make it who is confined to some.
const everywhere = "*"

// opened gives a page of a change its form: of a POST the one that was sent, of a GET a fresh one that begins with pairs. Who may not
// make the change is told so instead of being shown a form; what is sent all the same is refused, and recorded, by the contract.
// ok false: it has answered.
func (v *visit) opened(w http.ResponseWriter, r *http.Request, permission, environment string, pairs ...string) (form *page.Form, post, ok bool) {
	if r.Method == http.MethodPost {
		form, ok = v.read(w, r)
		return form, true, ok
	}
	may := v.may(permission, environment)
	if environment == everywhere {
		may = v.may(permission, "") && v.me.Environments == nil
	}
	if !may {
		v.fail(w, r, &api.Error{Problem: api.Problem{Type: api.Forbidden.URI(), Status: http.StatusForbidden, Permission: permission}})
		return nil, false, false
	}
	form, ok = v.begin(w, r, nil, pairs...)
	return form, false, ok
}
