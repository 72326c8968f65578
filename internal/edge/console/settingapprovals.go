package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

const approvalsPath = "/settings/approvals"

func approvalRoutes() []route {
	return []route{
		{pattern: "GET /console/settings/approvals", serve: (*visit).approvals},
		{pattern: "GET /console/settings/approvals/change", serve: (*visit).approvalsChange},
		{pattern: "POST /console/settings/approvals/change", serve: (*visit).approvalsChanged, done: map[string]string{
			"approvals-set": "The settings are in force. What waits already is held to the stricter ones."}},
	}
}

type approvalsPage struct{ Rows []approvalRow }

type approvalRow struct{ What, Where, Persons string }

func (v *visit) approvals(w http.ResponseWriter, r *http.Request) {
	found, err := v.api.ApprovalsGet(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	a := found.Value
	data := approvalsPage{}
	for _, e := range a.Environments {
		data.Rows = append(data.Rows, approvalRow{"What widens access, or cannot be taken back", e.Environment,
			personsWords(e.Approvals)})
		for _, o := range e.Operations {
			data.Rows = append(data.Rows, approvalRow{"Exception: " + operationWords(o.Operation), e.Environment,
				personsWords(o.Approvals)})
		}
	}
	data.Rows = append(data.Rows, approvalRow{"Accounts, service accounts, break-glass codes", "everywhere",
		personsWords(a.Accounts)},
		approvalRow{"These settings", "everywhere", personsWords(a.Settings)})
	view := page.View{Title: "Approvals", Lead: "How many persons other than the one who asks must approve a change.",
		Data: data}
	if v.may("settings.write", "") {
		view.Actions = []page.Item{{Text: "Change", Href: base + approvalsPath + "/change"}}
	}
	v.setting(w, r, "settingapprovals", approvalsPath, view)
}

var personOptions = []page.Option{{Value: "0", Text: "nobody else"}, {Value: "1", Text: "1 other person"}, {Value: "2",
	Text: "2 other persons"}, {Value: "3", Text: "3 other persons"}}

// approvalNames are the environments that the form has fields for: those of the settings, and those of the server.
func (v *visit) approvalNames(r *http.Request, a api.Approvals) ([]string, error) {
	found, err := v.api.EnvironmentList(r.Context())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range found.Value.Items {
		names = append(names, e.Name)
	}
	for _, e := range a.Environments {
		names = append(names, e.Environment)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (v *visit) approvalsChange(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "settings.write", "") {
		return
	}
	found, err := v.api.ApprovalsGet(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	a := found.Value
	form, err := v.form("accounts", strconv.Itoa(a.Accounts), "settings", strconv.Itoa(a.Settings), "etag", a.Etag)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	for _, e := range a.Environments {
		form.Values.Set("in-"+e.Environment, strconv.Itoa(e.Approvals))
		var exceptions []string
		for _, o := range e.Operations {
			exceptions = append(exceptions, fmt.Sprintf("%s %d", o.Operation, o.Approvals))
		}
		form.Values.Set("but-"+e.Environment, strings.Join(exceptions, "\n"))
	}
	if d, _, ok := v.approvalsDeed(w, r, form, a); ok {
		v.askSetting(w, r, approvalsPath, d, 0)
	}
}

// approvalsDeed is the form, and the environments that it has fields for; false: it has answered.
func (v *visit) approvalsDeed(w http.ResponseWriter, r *http.Request, form *page.Form, a api.Approvals) (*deed, []string,
	bool) {
	names, err := v.approvalNames(r, a)
	if err != nil {
		v.fail(w, r, err)
		return nil, nil, false
	}
	d := &deed{Title: "Change the approvals", Trail: []page.Item{{Text: "Approvals", Href: base + approvalsPath}},
		Action: base + approvalsPath + "/change",
		Back:   base + approvalsPath, Button: "Set them", Form: form, Hidden: []fact{{"etag", form.Value("etag")}},
		Notes: []deedNote{{"",
			"What narrows access never waits, whatever is set here: nobody should need a second person to shut a door."},
			{"warn", "Where anything needs a second person, accounts and these settings do too: whoever makes accounts alone makes his own second person."}}}
	for _, name := range names {
		d.Fields = append(d.Fields, pick(form, "in-"+name, "In "+name, "What widens access, or cannot be taken back.",
			personOptions),
			deedField{"textarea", page.Field{Form: form, Name: "but-" + name, Label: "Exceptions in " + name, Rows: 2,
				Mono: true, Max: 4000, Hint: "One in a line: network.allow 0"}})
	}
	d.Fields = append(d.Fields, pick(form, "accounts", "Accounts, service accounts, break-glass codes", "", personOptions),
		pick(form, "settings", "These settings", "", personOptions), because(form))
	return d, names, true
}

func (v *visit) approvalsChanged(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	found, err := v.api.ApprovalsGet(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	a := found.Value
	d, names, ok := v.approvalsDeed(w, r, form, a)
	if !ok {
		return
	}
	put := approvalsWanted(form, names)
	if form.Bad() {
		v.askSetting(w, r, approvalsPath, d, http.StatusUnprocessableEntity)
		return
	}
	done, err := v.api.SettingsApprovals(r.Context(), api.SettingsApprovalsParams{IfMatch: match(form.Value("etag"))}, put)
	if isStale(err) {
		if sameApprovals(put, a) {
			err = nil // it is so already: a second press of the button
		}
		form.Values.Set("etag", a.Etag)
		d.Hidden = []fact{{"etag", a.Etag}}
	}
	v.settled(w, r, approvalsPath, d, done.Waiting, err, "approvals-set")
}

// approvalsWanted reads the form. An environment that needs nobody and has no exception is left out, which means the same.
func approvalsWanted(form *page.Form, names []string) api.ApprovalsPut {
	put := api.ApprovalsPut{Environments: []api.EnvironmentApprovals{}, Accounts: int(whole(form, "accounts", 3)),
		Settings: int(whole(form, "settings", 3)), Reason: form.Value("reason")}
	for _, name := range names {
		one := api.EnvironmentApprovals{Environment: name, Approvals: int(whole(form, "in-"+name, 3))}
		for _, text := range lines(form.Value("but-" + name)) {
			operation, count, _ := strings.Cut(strings.ReplaceAll(text, "=", " "), " ")
			n, err := strconv.Atoi(strings.TrimSpace(count))
			if err != nil || n < 0 || n > 3 {
				form.Refuse("but-"+name, "The name of an operation and a number from 0 to 3 in each line: network.allow 0.")
				continue
			}
			one.Operations = append(one.Operations, api.OperationApprovals{Operation: operation, Approvals: n})
		}
		if one.Approvals > 0 || one.Operations != nil {
			put.Environments = append(put.Environments, one)
		}
	}
	return put
}

func sameApprovals(put api.ApprovalsPut, a api.Approvals) bool {
	words := func(list []api.EnvironmentApprovals) (all []string) {
		for _, e := range list {
			if e.Approvals > 0 || len(e.Operations) > 0 {
				all = append(all, fmt.Sprint(e.Environment, " ", e.Approvals, " ", e.Operations))
			}
		}
		return all
	}
	return put.Accounts == a.Accounts && put.Settings == a.Settings && sameWords(words(put.Environments), words(a.Environments))
}
