package console

import (
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

const sealingPath = "/settings/sealing-keys"

func sealingRoutes() []route {
	return []route{
		{pattern: "GET /console/settings/sealing-keys", serve: (*visit).sealing},
		{pattern: "GET /console/settings/sealing-keys/{environment}/rotate", serve: (*visit).sealingRotate},
		{pattern: "POST /console/settings/sealing-keys/{environment}/rotate", serve: (*visit).sealingRotated,
			done: map[string]string{
				"sealing-rotated": "New access tokens are sealed with a new key. Those that are out go on until they expire."}},
		{pattern: "GET /console/settings/sealing-keys/{environment}/drop", serve: (*visit).sealingDrop},
		{pattern: "POST /console/settings/sealing-keys/{environment}/drop", serve: (*visit).sealingDropped,
			done: map[string]string{
				"sealing-dropped": "Dropped: every access token of that environment is refused. Partners exchange their secret for a new one."}},
	}
}

// sealing lists the environments whose keys the visitor may rotate.
func (v *visit) sealing(w http.ResponseWriter, r *http.Request) {
	found, err := v.api.EnvironmentList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	var names []string
	for _, e := range found.Value.Items {
		if v.may("keys.write", e.Name) {
			names = append(names, e.Name)
		}
	}
	v.setting(w, r, "settingsealing", sealingPath, page.View{Title: "Sealing keys", Data: names,
		Lead: "Access tokens are not stored: they are sealed with a key of their environment, which any server can open."})
}

// sealingForm makes the page of one of the two deeds; false: it has answered. An environment that the visitor does not see is
// not there.
func (v *visit) sealingForm(w http.ResponseWriter, r *http.Request, sent *page.Form, make func(*page.Form,
	string) *deed) (*deed, bool) {
	name := r.PathValue("environment")
	found, err := v.api.EnvironmentList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return nil, false
	}
	if !slices.ContainsFunc(found.Value.Items, func(e api.Environment) bool { return e.Name == name }) {
		v.missing(w, r)
		return nil, false
	}
	form, ok := v.begin(w, r, sent)
	if !ok {
		return nil, false
	}
	d := make(form, name)
	d.Trail, d.Back = []page.Item{{Text: "Sealing keys", Href: base + sealingPath}}, base+sealingPath
	return d, true
}

func rotateDeed(form *page.Form, name string) *deed {
	return &deed{Title: "Rotate the sealing key of " + name, Action: page.Path(base+sealingPath, name, "rotate"),
		Button: "Make a new key", Form: form,
		Notes: []deedNote{{"good",
			"Nobody is cut off: tokens that are out go on until they expire, and new ones are sealed with the new key."}},
		Fields: []deedField{because(form)}}
}

func dropDeed(form *page.Form, name string) *deed {
	return &deed{Title: "Drop the sealing keys of " + name, Action: page.Path(base+sealingPath, name, "drop"),
		Button: "Drop them", Danger: true, Form: form,
		Notes: []deedNote{{"bad", "Every access token of every partner in " + name + " is refused from that moment on."},
			{"warn", "Partners whose programs do not exchange their secret anew by themselves stand still until somebody does it for them."},
			{"", "Do this where a sealing key may have leaked. For anything else, rotate it."}},
		Fields: []deedField{line(form, "name", "Type the name of the environment", "So that it is not the wrong one: "+name, 63,
			true), ticked(form, "Refuse every access token of "+name), because(form)}}
}

func (v *visit) sealingRotate(w http.ResponseWriter, r *http.Request) {
	if d, ok := v.sealingForm(w, r, nil, rotateDeed); ok && v.needs(w, r, "keys.write", r.PathValue("environment")) {
		v.askSetting(w, r, sealingPath, d, 0)
	}
}

func (v *visit) sealingDrop(w http.ResponseWriter, r *http.Request) {
	if d, ok := v.sealingForm(w, r, nil, dropDeed); ok && v.needs(w, r, "keys.write", r.PathValue("environment")) {
		v.askSetting(w, r, sealingPath, d, 0)
	}
}

func (v *visit) sealingRotated(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	d, ok := v.sealingForm(w, r, form, rotateDeed)
	if !ok {
		return
	}
	done, err := v.api.SealingKeyRotate(r.Context(), r.PathValue("environment"),
		api.SealingKeyRotateParams{IdempotencyKey: form.Key}, api.Act{Reason: form.Value("reason")})
	v.settled(w, r, sealingPath, d, done.Waiting, err, "sealing-rotated")
}

func (v *visit) sealingDropped(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	d, ok := v.sealingForm(w, r, form, dropDeed)
	if !ok {
		return
	}
	if consents(form); form.Value("name") != r.PathValue("environment") {
		form.Refuse("name", "This is not the name of the environment whose keys are to be dropped.")
	}
	if form.Bad() {
		v.askSetting(w, r, sealingPath, d, http.StatusUnprocessableEntity)
		return
	}
	done, err := v.api.SealingKeyDrop(r.Context(), r.PathValue("environment"),
		api.SealingKeyDropParams{IdempotencyKey: form.Key}, api.Act{Reason: form.Value("reason")})
	v.settled(w, r, sealingPath, d, done.Waiting, err, "sealing-dropped")
}
