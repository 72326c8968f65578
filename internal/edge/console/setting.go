package console

import (
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func settingRoutes() []route {
	return slices.Concat([]route{
		{pattern: "GET /console/settings", serve: (*visit).settings},
		{pattern: "GET /console/settings/webhook-sources", serve: (*visit).settingSources},
	}, breakGlassRoutes(), approvalRoutes(), sealingRoutes(), applyRoutes())
}

// settingPart is one page of the settings, and the permission without which it is left out.
type settingPart struct{ Text, path, permission, Why string }

var settingParts = []settingPart{
	{"Accounts", "/accounts", "accounts.read", "Who signs in here: invitations, roles, environments."},
	{"Service accounts", "/service-accounts", "accounts.read", "Programs with a token of their own."},
	{"Break-glass", "/settings/break-glass", "accounts.read", "Codes for when nobody can sign in and it cannot wait."},
	{"Approvals", "/settings/approvals", "partners.read", "What needs how many other persons."},
	{"Sealing keys", "/settings/sealing-keys", "keys.write", "What access tokens are sealed with."},
	{"Nodes", "/nodes", "nodes.read", "Which server serves which revision."},
	{"Webhook sources", "/settings/webhook-sources", "", "From where webhooks come."},
	{"Apply a file", "/settings/apply", "register.apply", "Partners, networks and limits from a file."},
}

// Href is where the part is.
func (s settingPart) Href() string { return base + s.path }

// settingTabs are the parts that the visitor may see.
func (v *visit) settingTabs(here string) (tabs []page.Item) {
	for _, part := range v.settingShown() {
		tabs = append(tabs, page.Item{Text: part.Text, Href: part.Href(), Here: part.path == here})
	}
	return tabs
}

func (v *visit) settingShown() (list []settingPart) {
	for _, part := range settingParts {
		if part.permission == "" || v.may(part.permission, "") {
			list = append(list, part)
		}
	}
	return list
}

// setting shows a page of the settings, with the others beside it.
func (v *visit) setting(w http.ResponseWriter, r *http.Request, name, here string, view page.View) {
	view.Section, view.Tabs = "settings", v.settingTabs(here)
	v.show(w, r, name, view)
}

// needs reports whether the visitor has a permission; else it has answered. It spares people a form that the contract would
// refuse, and
// is no more than that: the contract decides when the form is sent.
func (v *visit) needs(w http.ResponseWriter, r *http.Request, permission, environment string) bool {
	if permission == "" || v.may(permission, environment) {
		return true
	}
	v.fail(w, r, &api.Error{Problem: api.Problem{Type: api.Forbidden.URI(), Status: http.StatusForbidden,
		Permission: permission}})
	return false
}

func (v *visit) settings(w http.ResponseWriter, r *http.Request) {
	v.show(w, r, "settings", page.View{Title: "Settings", Section: "settings", Data: v.settingShown()})
}

// askSetting shows a form of the settings: a deed of its own, which knows fields with several answers as well.
func (v *visit) askSetting(w http.ResponseWriter, r *http.Request, here string, d *deed, status int) {
	v.setting(w, r, "settingform", here, page.View{Title: d.Title, Lead: d.Lead, Trail: d.Trail, Status: status, Data: d})
}

// settled ends a deed of the settings: it leads on, to the proposal where the change waits, or shows the form again.
func (v *visit) settled(w http.ResponseWriter, r *http.Request, here string, d *deed, waiting *api.Proposal, err error,
	key string) {
	switch {
	case err == nil && waiting == nil:
		v.done(w, r, d.Back, key)
	case err == nil:
		v.waits(w, r, waiting)
	case refused(d.Form, err, d.names...):
		v.askSetting(w, r, here, d, statusOf(err))
	case isStale(err):
		d.Form.Problem = "Somebody changed this after your page was made, and nothing of yours was carried out. Look at it, and send this again to put yours in its place."
		v.askSetting(w, r, here, d, http.StatusPreconditionFailed)
	default:
		v.fail(w, r, err)
	}
}

// several is a field with any number of answers.
func several(form *page.Form, name, label, hint string, answers []page.Option) deedField {
	return deedField{"checks", page.Field{Form: form, Name: name, Label: label, Hint: hint, Options: answers}}
}

// roleOptions are the roles with what they are for.
var roleOptions = []page.Option{
	{Value: "viewer", Text: "viewer", Hint: "sees partners, and why requests were refused"},
	{Value: "operator", Text: "operator", Hint: "works: partners, credentials, networks, limits, endpoints"},
	{Value: "approver", Text: "approver", Hint: "approves what others ask for, suspends, revokes"},
	{Value: "auditor", Text: "auditor", Hint: "searches and exports the records"},
	{Value: "admin", Text: "admin", Hint: "accounts, settings, keys; nothing of partners"},
}

func roleNames(form *page.Form) (list []api.RoleName) {
	for _, name := range form.Values["roles"] {
		list = append(list, api.RoleName(name))
	}
	return list
}

// settingSources tells from where webhooks come, for partners' firewalls.
func (v *visit) settingSources(w http.ResponseWriter, r *http.Request) {
	found, err := v.api.WebhookSources(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.setting(w, r, "settingsources", "/settings/webhook-sources", page.View{Title: "Webhook sources",
		Data: found.Value.Prefixes,
		Lead: "Addresses from which this server calls partners’ endpoints, for their firewalls."})
}
