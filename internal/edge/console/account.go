package console

import (
	"net/http"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func accountRoutes() []route {
	return []route{
		{pattern: "GET /console/accounts", serve: (*visit).accounts},
		{pattern: "GET /console/accounts/new", serve: (*visit).accountNew},
		{pattern: "POST /console/accounts/new", serve: (*visit).accountInvite},
		{pattern: "GET /console/accounts/{account}", serve: (*visit).account},
		{pattern: "GET /console/accounts/{account}/change", serve: (*visit).accountChange},
		{pattern: "POST /console/accounts/{account}/change", serve: (*visit).accountChanged, done: map[string]string{
			"account-changed": "The account is changed. It counts from the next request on."}},
		{pattern: "POST /console/accounts/{account}/disable", serve: (*visit).accountDisable, done: map[string]string{
			"account-disabled": "Disabled: its sessions have ended, and it does nothing any more."}},
		{pattern: "POST /console/accounts/{account}/enable", serve: (*visit).accountEnable, done: map[string]string{
			"account-enabled": "Enabled: it may sign in again."}},
		{pattern: "POST /console/accounts/{account}/invite", serve: (*visit).accountReinvite},
		{pattern: "POST /console/accounts/{account}/sessions/{session}/end", serve: (*visit).accountSessionEnd,
			done: map[string]string{
				"session-ended": "The session has ended."}},
	}
}

// accountsPath is the page of all accounts.
const accountsPath = "/accounts"

// accountsPage lists accounts.
type accountsPage struct {
	Items       []accountItem
	First, Next string
}

type accountItem struct {
	api.Account
	Who, Tone, Scope string
}

func viewAccount(a api.Account) accountItem {
	return accountItem{a, orWord(a.Login, "the first admin"), stateTone(string(a.State)), scopeWords(a.Environments)}
}

func (v *visit) accounts(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("after")
	found, err := v.api.AccountList(r.Context(), api.AccountListParams{After: after})
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := accountsPage{}
	for _, a := range found.Value.Items {
		data.Items = append(data.Items, viewAccount(a))
	}
	if after != "" {
		data.First = base + accountsPath
	}
	if found.Value.Next != "" {
		data.Next = page.Link(base+accountsPath, "after", found.Value.Next)
	}
	view := page.View{Title: "Accounts", Lead: "People who sign in here.", Data: data}
	if v.may("accounts.write", "") {
		view.Actions = []page.Item{{Text: "Invite an operator", Href: base + accountsPath + "/new", Main: true}}
	}
	v.setting(w, r, "accounts", accountsPath, view)
}

func (v *visit) accountNew(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "accounts.write", "") {
		return
	}
	form, err := v.form()
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.accountNewAgain(w, r, form, 0)
}

// accountNewAgain shows the form of an invitation.
func (v *visit) accountNewAgain(w http.ResponseWriter, r *http.Request, form *page.Form, status int) {
	environments, err := v.environmentChoices(r, "")
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.askSetting(w, r, accountsPath, &deed{Title: "Invite an operator", Trail: []page.Item{{Text: "Accounts", Href: base +
		accountsPath}},
		Action: base + accountsPath + "/new", Back: base + accountsPath, Button: "Invite", Form: form,
		Notes: []deedNote{{"", "A one-time link is on the next page, once. Whoever opens it first is this account."}},
		Fields: []deedField{line(form, "login", "Login", "Like an email address; it stands in the record and never changes.",
			200, true),
			line(form, "name", "Name", "", 200, false), several(form, "roles", "Roles", "", roleOptions),
			several(form, "environments", "Confined to environments", "None ticked: all of them.", environments),
			because(form)}}, status)
}

func (v *visit) accountInvite(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	if strings.TrimSpace(form.Value("login")) == "" {
		form.Refuse("login", "Type the login.")
	}
	if len(form.Values["roles"]) == 0 {
		form.Refuse("roles", "Tick at least one role.")
	}
	if form.Bad() {
		v.accountNewAgain(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	made, err := v.api.AccountInvite(r.Context(), api.AccountInviteParams{IdempotencyKey: form.Key},
		api.AccountInvite{Login: strings.TrimSpace(form.Value("login")),
			Name: form.Value("name"), Roles: roleNames(form), Environments: form.Values["environments"],
			Reason: form.Value("reason")})
	switch {
	case err != nil && refused(form, err):
		v.accountNewAgain(w, r, form, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, made.Waiting):
	default:
		v.accountLink(w, r, made.Value)
	}
}

// accountLink shows a one-time link, once.
func (v *visit) accountLink(w http.ResponseWriter, r *http.Request, made api.AccountChanged) {
	a := made.Account
	s := linkSecret(a.Login, made.Link, made.LinkUntil, "settings", page.Item{Text: "I have kept it: to the account",
		Href: page.Path(base+accountsPath, a.ID), Main: true})
	s.trail = []page.Item{{Text: "Accounts", Href: base + accountsPath}, {Text: a.Login, Href: page.Path(base+accountsPath,
		a.ID)}}
	v.showSecret(w, r, s)
}

// accountPage is one account.
type accountPage struct {
	accountItem
	Sessions                      []api.Session
	MayWrite, MayDisable          bool
	Self                          bool
	Disable, Enable, Invite, Ends *page.Form
}

func (v *visit) account(w http.ResponseWriter, r *http.Request) { v.accountAgain(w, r, nil, "", 0) }

// accountAgain shows an account; sent is the form named so, which was refused.
func (v *visit) accountAgain(w http.ResponseWriter, r *http.Request, sent *page.Form, named string, status int) {
	found, err := v.api.AccountGet(r.Context(), r.PathValue("account"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	sessions, err := v.api.SessionList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	a := found.Value
	data := accountPage{accountItem: viewAccount(a), MayWrite: v.may("accounts.write", ""), Self: a.ID == v.me.ID}
	data.MayDisable = data.MayWrite && a.State != api.AccountStateDisabled
	for _, s := range sessions.Value.Items {
		if s.Owner == a.ID {
			data.Sessions = append(data.Sessions, s)
		}
	}
	for name, into := range map[string]**page.Form{"disable": &data.Disable, "enable": &data.Enable, "invite": &data.Invite,
		"ends": &data.Ends} {
		form, err := v.form()
		if err != nil {
			v.fail(w, r, err)
			return
		}
		if name == named && sent != nil {
			sent.Key, form = form.Key, sent
		}
		*into = form
	}
	view := page.View{Title: data.Who, Lead: a.Name, Status: status, Data: data, Trail: []page.Item{{Text: "Accounts",
		Href: base + accountsPath}}}
	if data.MayWrite {
		view.Actions = []page.Item{{Text: "Change roles or environments", Href: page.Path(base+accountsPath, a.ID, "change")}}
	}
	v.setting(w, r, "account", accountsPath, view)
}
