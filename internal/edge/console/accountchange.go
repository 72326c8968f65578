package console

import (
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func (v *visit) accountChange(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "accounts.write", "") {
		return
	}
	found, err := v.api.AccountGet(r.Context(), r.PathValue("account"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	a := found.Value
	form, err := v.form("name", a.Name, "etag", a.Etag)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	form.Values["roles"], form.Values["environments"] = a.Roles, a.Environments
	if d, ok := v.accountDeed(w, r, form, a); ok {
		v.askSetting(w, r, accountsPath, d, 0)
	}
}

// accountDeed is the form that changes an account; false: it has answered.
func (v *visit) accountDeed(w http.ResponseWriter, r *http.Request, form *page.Form, a api.Account) (*deed, bool) {
	environments, err := v.environmentChoices(r, "")
	if err != nil {
		v.fail(w, r, err)
		return nil, false
	}
	here := page.Path(base+accountsPath, a.ID)
	d := &deed{Title: "Change an account", Lead: orWord(a.Login, "the first admin"), Action: here + "/change", Back: here,
		Button: "Change it", Form: form,
		Trail:  []page.Item{{Text: "Accounts", Href: base + accountsPath}, {Text: a.Login, Href: here}},
		Hidden: []fact{{"etag", form.Value("etag")}}, Fields: []deedField{line(form, "name", "Name", "", 100, false)}}
	if a.OwnRoles {
		d.Fields = append(d.Fields, several(form, "roles", "Roles", "", roleOptions))
	} else {
		d.Notes = append(d.Notes, deedNote{"",
			"Its roles come from the groups of the sign-in provider, and are changed there."})
	}
	d.Fields = append(d.Fields, several(form, "environments", "Confined to environments", "None ticked: all of them.",
		environments), because(form))
	return d, true
}

func (v *visit) accountChanged(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	found, err := v.api.AccountGet(r.Context(), r.PathValue("account"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	a := found.Value
	change := accountWanted(form, a)
	done, err := v.api.AccountChange(r.Context(), a.ID, api.AccountChangeParams{IfMatch: match(form.Value("etag"))}, change)
	if isStale(err) && unchanged(change, a) {
		err = nil // it is so already: a second press of the button
	}
	if isStale(err) {
		form.Values.Set("etag", a.Etag)
	}
	d, ok := v.accountDeed(w, r, form, a)
	if !ok {
		return
	}
	v.settled(w, r, accountsPath, d, done.Waiting, err, "account-changed")
}

// accountWanted is what of the form is another thing than the account has; the rest is left out, and stays.
func accountWanted(form *page.Form, a api.Account) api.AccountChange {
	change := api.AccountChange{Reason: form.Value("reason")}
	if name := form.Value("name"); name != a.Name {
		change.Name = &name
	}
	if a.OwnRoles && !sameWords(form.Values["roles"], a.Roles) {
		change.Roles = roleNames(form)
	}
	switch wanted := form.Values["environments"]; {
	case sameWords(wanted, a.Environments):
	case len(wanted) == 0:
		change.AllEnvironments = true
	default:
		change.Environments = wanted
	}
	return change
}

// unchanged reports whether a change asks for nothing that the account has not.
func unchanged(c api.AccountChange, a api.Account) bool {
	return (c.Name == nil || *c.Name == a.Name) && c.Roles == nil && c.Environments == nil && !c.AllEnvironments
}
