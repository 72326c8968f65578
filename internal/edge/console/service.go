package console

import (
	"net/http"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func serviceRoutes() []route {
	return []route{
		{pattern: "GET /console/service-accounts", serve: (*visit).services},
		{pattern: "GET /console/service-accounts/new", serve: (*visit).serviceNew},
		{pattern: "POST /console/service-accounts/new", serve: (*visit).serviceCreate},
		{pattern: "GET /console/service-accounts/{service}", serve: (*visit).service},
		{pattern: "POST /console/service-accounts/{service}/revoke", serve: (*visit).serviceRevoke, done: map[string]string{
			"service-revoked": "Revoked: its token counts no more, for good."}},
	}
}

const servicesPath = "/service-accounts"

type servicesPage struct {
	Items       []serviceItem
	First, Next string
}

type serviceItem struct {
	api.ServiceAccount
	Tone, Scope, May, By string
}

func viewService(s api.ServiceAccount) serviceItem {
	return serviceItem{s, stateTone(string(s.State)), scopeWords(s.Environments), strings.Join(append(append([]string{},
		s.Roles...), single(s)...), ", "), actorWords(s.CreatedBy)}
}

// single are the permissions that a service account has beside its roles; where it has roles, what comes of them is not told
// apart.
func single(s api.ServiceAccount) []string {
	if len(s.Roles) > 0 {
		return nil
	}
	return s.Permissions
}

func (v *visit) services(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("after")
	found, err := v.api.ServiceList(r.Context(), api.ServiceListParams{After: after})
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := servicesPage{}
	for _, s := range found.Value.Items {
		data.Items = append(data.Items, viewService(s))
	}
	if after != "" {
		data.First = base + servicesPath
	}
	if found.Value.Next != "" {
		data.Next = page.Link(base+servicesPath, "after", found.Value.Next)
	}
	view := page.View{Title: "Service accounts",
		Lead: "Programs that act with a token of their own. None of them approves anything.", Data: data}
	if v.may("accounts.write", "") {
		view.Actions = []page.Item{{Text: "Make a service account", Href: base + servicesPath + "/new", Main: true}}
	}
	v.setting(w, r, "services", servicesPath, view)
}

func (v *visit) serviceNew(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "accounts.write", "") {
		return
	}
	form, err := v.form("not_after", v.s.cfg.Now().UTC().Add(90*24*time.Hour).Format(localForm))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.serviceNewAgain(w, r, form, 0)
}

func (v *visit) serviceNewAgain(w http.ResponseWriter, r *http.Request, form *page.Form, status int) {
	environments, err := v.environmentChoices(r, "")
	if err != nil {
		v.fail(w, r, err)
		return
	}
	var roles []page.Option
	for _, o := range roleOptions {
		if o.Value != "approver" {
			roles = append(roles, o)
		}
	}
	v.askSetting(w, r, servicesPath, &deed{Title: "Make a service account", Trail: []page.Item{{Text: "Service accounts",
		Href: base + servicesPath}},
		Action: base + servicesPath + "/new", Back: base + servicesPath, Button: "Make it", Form: form,
		names: []string{"permissions", "permissions"},
		Notes: []deedNote{{"", "Its token is on the next page, once."}},
		Fields: []deedField{line(form, "name", "Name", "Unique for good; it stands in the record.", 200, true),
			several(form, "roles", "Roles", "", roles),
			{"textarea", page.Field{Form: form, Name: "permissions", Label: "Single permissions", Rows: 3, Mono: true,
				Max: 2000, Hint: "One in a line, like partners.read, beside or instead of roles."}},
			several(form, "environments", "Confined to environments", "None ticked: all of them.", environments),
			momentField(form, "not_after", "It ends", "In UTC; at most a year from now.", true),
			because(form)}}, status)
}

func (v *visit) serviceCreate(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	at := momentOf(form, "not_after")
	if at.IsZero() {
		form.Refuse("not_after", "Say when it ends, at most a year from now.")
	}
	if strings.TrimSpace(form.Value("name")) == "" {
		form.Refuse("name", "Type a name.")
	}
	if form.Bad() {
		v.serviceNewAgain(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	made, err := v.api.ServiceCreate(r.Context(), api.ServiceCreateParams{IdempotencyKey: form.Key},
		api.ServiceCreate{Name: strings.TrimSpace(form.Value("name")),
			Roles: roleNames(form), Permissions: lines(form.Value("permissions")), Environments: form.Values["environments"],
			NotAfter: at, Reason: form.Value("reason")})
	switch {
	case err != nil && refused(form, err):
		v.serviceNewAgain(w, r, form, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, made.Waiting):
	default:
		s := made.Value.ServiceAccount
		here := page.Path(base+servicesPath, s.ID)
		v.showSecret(w, r, secretShown{title: "A new service account", section: "settings",
			trail: []page.Item{{Text: "Service accounts", Href: base + servicesPath}},
			Label: "Token of " + page.Cut(60, s.Name), Value: made.Value.Token, File: "service-token.txt",
			Says: "The service account was made.", Until: "It ends " + timeWords(s.NotAfter) + ".",
			Lost: "If it was lost, revoke the service account and make a new one.",
			Next: []string{"Put the token where the program reads it, and nowhere else.",
				"The program sends it as Authorization: Bearer TOKEN."},
			Links: []page.Item{{Text: "I have kept it: to the service account", Href: here, Main: true}}})
	}
}

type servicePage struct {
	serviceItem
	MayRevoke bool
	Form      *page.Form
}

func (v *visit) service(w http.ResponseWriter, r *http.Request) { v.serviceAgain(w, r, nil, 0) }

func (v *visit) serviceAgain(w http.ResponseWriter, r *http.Request, sent *page.Form, status int) {
	found, err := v.api.ServiceGet(r.Context(), r.PathValue("service"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := servicePage{serviceItem: viewService(found.Value), MayRevoke: v.may("accounts.write", "") &&
		found.Value.RevokedAt.IsZero(), Form: sent}
	if sent == nil {
		if data.Form, err = v.form(); err != nil {
			v.fail(w, r, err)
			return
		}
	}
	v.setting(w, r, "service", servicesPath, page.View{Title: found.Value.Name, Status: status, Data: data,
		Trail: []page.Item{{Text: "Service accounts", Href: base + servicesPath}}})
}

func (v *visit) serviceRevoke(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	id := r.PathValue("service")
	done, err := v.api.ServiceRevoke(r.Context(), id, api.ServiceRevokeParams{IdempotencyKey: form.Key,
		IfMatch: match(form.Value("etag"))}, api.Act{Reason: form.Value("reason")})
	switch {
	case isStale(err):
		form.Problem = "It was changed after your page was made, and nothing was done. This is how it is now."
		v.serviceAgain(w, r, form, http.StatusPreconditionFailed)
	case err != nil && refused(form, err):
		v.serviceAgain(w, r, form, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, done.Waiting):
	default:
		v.done(w, r, page.Path(base+servicesPath, id), "service-revoked")
	}
}
