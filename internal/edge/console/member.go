package console

import (
	"context"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

const memberPattern = "/console/partners/{partner}/members/{member}"

func memberRoutes() []route {
	list := []route{
		{pattern: "GET /console/partners/{partner}/members/new", serve: (*visit).memberInvite},
		{pattern: "POST /console/partners/{partner}/members/new", serve: (*visit).memberInvite},
	}
	for _, s := range memberMoves() {
		serve := func(v *visit, w http.ResponseWriter, r *http.Request) { v.memberStep(w, r, s) }
		list = append(list, route{pattern: "GET " + memberPattern + "/" + s.name, serve: serve},
			route{pattern: "POST " + memberPattern + "/" + s.name, serve: serve, done: map[string]string{"member-" + s.name: s.done}})
	}
	return list
}

// memberRow is one member of a partner's page.
type memberRow struct {
	api.Member
	Tone, Word string
	Invited    bool
	Steps      []page.Item // Key says which member, for those who do not see the row
}

func memberRows(partnerID string, list []api.Member) (rows []memberRow) {
	for _, m := range list {
		row := memberRow{Member: m, Tone: "good", Word: string(m.State), Invited: m.State == api.MemberStateInvited}
		steps := []page.Item{{Text: "New link", Href: "invite"}, {Text: "Disable", Href: "disable"}}
		switch m.State {
		case api.MemberStateInvited:
			row.Tone = "info"
		case api.MemberStateDisabled:
			row.Tone, steps = "bad", []page.Item{{Text: "Enable", Href: "enable"}}
		}
		for _, step := range steps {
			row.Steps = append(row.Steps, page.Item{Text: step.Text, Href: partnerPath(partnerID, "members", m.ID, step.Href),
				Key: page.Cut(60, m.Login)})
		}
		rows = append(rows, row)
	}
	return rows
}

// memberMove is one change of a member.
type memberMove struct {
	name, title, lead, button, done string
	danger                          bool
	do                              func(context.Context, *api.Client, api.Member, *page.Form) (api.Answer[api.MemberChanged], error)
}

func memberMoves() []memberMove {
	return []memberMove{
		{name: "disable", title: "Disable", button: "Disable", danger: true, done: "The member is signed out everywhere and cannot sign in.",
			lead: "Every session of this person ends now, and nobody signs in by this login until it is enabled again.",
			do: func(ctx context.Context, c *api.Client, m api.Member, f *page.Form) (api.Answer[api.MemberChanged], error) {
				return c.MemberDisable(ctx, m.PartnerID, m.ID, api.MemberDisableParams{IdempotencyKey: f.Key,
					IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
		{name: "enable", title: "Enable", button: "Enable", done: "The member may sign in again.",
			lead: "This person may sign in again with the passkeys that it had.",
			do: func(ctx context.Context, c *api.Client, m api.Member, f *page.Form) (api.Answer[api.MemberChanged], error) {
				return c.MemberEnable(ctx, m.PartnerID, m.ID, api.MemberEnableParams{IdempotencyKey: f.Key, IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
		{name: "invite", title: "A new link", button: "Make a new link, and show it", danger: true, done: "",
			lead: "Whoever opens the link signs in as this person and sets up a new passkey. The passkeys and recovery codes that there are end.",
			do: func(ctx context.Context, c *api.Client, m api.Member, f *page.Form) (api.Answer[api.MemberChanged], error) {
				return c.MemberReinvite(ctx, m.PartnerID, m.ID, api.MemberReinviteParams{IdempotencyKey: f.Key,
					IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
	}
}

// memberInvite invites somebody and shows the link once.
func (v *visit) memberInvite(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "members.write", "")
	if !ok {
		return
	}
	d := &deed{Title: "Invite somebody of " + page.Cut(60, p.Name), Form: form, Trail: partnerTrail(p),
		Back: partnerPath(p.ID) + "#members", Button: "Invite, and show the link",
		Lead: "A member signs in at the portal and sees this partner alone. The link works once.",
		Fields: []deedField{line(form, "login", "Login", "An email address, or whatever the person knows itself by. Nobody else at the portal has it.", 200, true),
			line(form, "name", "Name", "How others read it. Empty: the login.", 100, false), because(form)}}
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.MemberInvite(r.Context(), p.ID, api.MemberInviteParams{IdempotencyKey: form.Key},
		api.MemberInvite{Login: form.Value("login"), Name: form.Value("name"), Reason: form.Value("reason")})
	v.memberLink(w, r, d, p, a, err)
}

// memberLink ends what makes a one-time link: it is shown in this answer alone.
func (v *visit) memberLink(w http.ResponseWriter, r *http.Request, d *deed, p api.Partner, a api.Answer[api.MemberChanged], err error) {
	switch {
	case err != nil:
		v.declined(w, r, d, err)
	case v.waits(w, r, a.Waiting):
	default:
		m := a.Value.Member
		s := secretShown{title: d.Title, section: "partners", trail: partnerTrail(p), Label: "One-time link", Value: a.Value.Link,
			File: "invitation.txt",
			Says: "The person is invited.", Lost: "If it was lost, make a new link for this person: the one before ends.",
			Facts: []diffRow{{What: "For", Then: page.Cut(200, m.Login)}},
			Next: []string{"Send the link to this very person, on a way that nobody else reads.",
				"Whoever opens it sets up a passkey; the link is used up then."},
			Links: []page.Item{{Text: "I have sent it: back to the partner", Href: partnerPath(p.ID) + "#members", Main: true}}}
		if !a.Value.LinkUntil.IsZero() {
			s.Until = "It works until " + timeWords(a.Value.LinkUntil) + "."
		}
		v.showSecret(w, r, s)
	}
}

// member reads partner and member that the address names. false: it has answered.
func (v *visit) member(w http.ResponseWriter, r *http.Request) (p api.Partner, m api.Member, ok bool) {
	if p, ok = v.partner(w, r); !ok {
		return p, m, false
	}
	a, err := v.api.MemberList(r.Context(), p.ID)
	if err != nil {
		v.fail(w, r, err)
		return p, m, false
	}
	for _, one := range a.Value.Items {
		if one.ID == r.PathValue("member") {
			return p, one, true
		}
	}
	v.missing(w, r)
	return p, m, false
}

// memberStep asks before a change of a member, and makes it.
func (v *visit) memberStep(w http.ResponseWriter, r *http.Request, s memberMove) {
	p, m, ok := v.member(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "members.write", "")
	if !ok {
		return
	}
	row := memberRows(p.ID, []api.Member{m})[0]
	d := &deed{Title: s.title + ": " + page.Cut(60, m.Login), Lead: s.lead, Form: form, Trail: partnerTrail(p),
		Back: partnerPath(p.ID) + "#members", Button: s.button, Danger: s.danger,
		Hidden: []fact{{"etag", m.Etag}}, Facts: []fact{{"Name", page.Cut(100, m.Name)}, {"Now", row.Word}}, Fields: []deedField{because(form)}}
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := s.do(r.Context(), v.api, m, form)
	if s.name == "invite" {
		v.memberLink(w, r, d, p, a, err)
		return
	}
	v.settle(w, r, d, a.Waiting, err, "member-"+s.name, "members")
}
