package portal

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func credentialRoutes() []route {
	return []route{
		{pattern: "GET /credentials", serve: (*visit).credentials},
		{pattern: "GET /credentials/{credential}", serve: (*visit).credential},
		{pattern: "POST /start/{environment}/credential", serve: (*visit).issue, back: "/start/{environment}"},
		{pattern: "POST /credentials/{credential}/rotate", serve: (*visit).rotate, back: "/credentials/{credential}"},
		{pattern: "POST /credentials/{credential}/reveal", serve: (*visit).reveal, back: "/credentials/{credential}"},
		{pattern: "POST /credentials/{credential}/retire", serve: (*visit).retire, back: "/credentials/{credential}"},
	}
}

type credentialsPage struct {
	Rows   []credentialRow
	Wanted []placeWanted
	Known  bool // last uses are known
}

// placeWanted is a credential that could be had, and where.
type placeWanted struct {
	Environment, Title string
	wanted
}

// credentials lists the partner's credentials by environment.
func (v *visit) credentials(w http.ResponseWriter, r *http.Request) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	used := v.usage(own)
	data := credentialsPage{Known: used.known}
	for _, c := range own.Credentials {
		data.Rows = append(data.Rows, rowOf(c, own, used, v.s.cfg.Now()))
	}
	slices.SortStableFunc(data.Rows, func(a, b credentialRow) int { return v.s.place(a.Environment) - v.s.place(b.Environment) })
	for _, e := range v.s.cfg.Environments() {
		if reviewOf(own, e.Name).State != partner.ReviewApproved {
			continue
		}
		for _, want := range wantedIn(own, e) {
			data.Wanted = append(data.Wanted, placeWanted{e.Name, title(e.Name), want})
		}
	}
	v.show(w, r, "credentials", page.View{Title: "Credentials", Section: "credentials",
		Lead: "What your programs prove themselves with. Each environment has its own.", Data: data})
}

// place is the number of an environment in the configured order.
func (s *Server) place(name string) int {
	i := slices.IndexFunc(s.cfg.Environments(), func(e Environment) bool { return e.Name == name })
	if i < 0 {
		return 1 << 20
	}
	return i
}

type credentialPage struct {
	credentialRow
	Rotate, Reveal, Retire *page.Form
	Overlaps               []page.Option
	Waiting                *asked // a rotation that was asked for
	UsageKnown             bool
	Newest                 int // number of the newest version, which a rotation follows
}

// ownCredential finds a credential of the partner; false: it was answered.
func (v *visit) ownCredential(w http.ResponseWriter, r *http.Request, form *page.Form) (registry.MemberView, partner.Credential, bool) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, form)
		return own, partner.Credential{}, false
	}
	for _, c := range own.Credentials {
		if c.ID == r.PathValue("credential") {
			return own, c, true
		}
	}
	v.foreignRow(w, r)
	return own, partner.Credential{}, false
}

// credential shows one credential: its versions, and the way to replace the secret without an interruption.
func (v *visit) credential(w http.ResponseWriter, r *http.Request) { v.oneCredential(w, r, nil, 0) }

func (v *visit) oneCredential(w http.ResponseWriter, r *http.Request, refused *page.Form, status int) {
	own, c, ok := v.ownCredential(w, r, refused)
	if !ok {
		return
	}
	used := v.usage(own)
	data := credentialPage{credentialRow: rowOf(c, own, used, v.s.cfg.Now()), Rotate: refused, Overlaps: overlaps, UsageKnown: used.known,
		Waiting: waitingRotation(own, c.ID, v.who.Name), Newest: newest(c)}
	for _, form := range []**page.Form{&data.Rotate, &data.Reveal, &data.Retire} {
		if *form != nil {
			continue
		}
		if *form = v.newForm(w, r, "overlap", "7"); *form == nil {
			return
		}
	}
	v.show(w, r, "credential", page.View{Title: data.Name, Section: "credentials", Status: status,
		Trail: []page.Item{{Text: "Credentials", Href: Base + "/credentials"}}, Data: data})
}

// overlaps are how long an old secret can count on, in days.
var overlaps = []page.Option{
	{Value: "1", Text: "1 day"}, {Value: "7", Text: "7 days", Hint: "enough for most: deploy, look at the last use, done"},
	{Value: "30", Text: "30 days"}, {Value: "90", Text: "90 days"},
	{Value: "0", Text: "None: the old secret ends at once", Hint: "for a secret that somebody else may know; calls with the old one are refused from this moment"},
}

// issue gets the first credential of a kind, or asks for it.
func (v *visit) issue(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	e, ok := v.s.environment(r.PathValue("environment"))
	kind := partner.Kind(form.Value("kind"))
	if !ok || kind != partner.App && kind != partner.SigningKey {
		v.nowhere(w, r)
		return
	}
	done, err := v.do(r, registry.OpCredentialIssue, e.Name, registry.CredentialIssue{Kind: kind}, form, "")
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	v.handOver(w, r, done)
}

// rotate makes a new secret; the old ones count on for as long as was chosen.
func (v *visit) rotate(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	_, c, ok := v.ownCredential(w, r, form)
	if !ok {
		return
	}
	if seen := form.Value("newest"); seen != "" && seen != strconv.Itoa(newest(c)) {
		v.replacedMeanwhile(w, r, newest(c))
		return
	}
	days, err := strconv.Atoi(form.Value("overlap"))
	if err != nil || !slices.ContainsFunc(overlaps, func(o page.Option) bool { return o.Value == form.Value("overlap") }) {
		form.Refuse("overlap", "Choose how long the old secret goes on.")
		v.oneCredential(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	params := registry.CredentialRotate{Credential: c.ID}
	if days > 0 {
		// a little less than the bound, which is counted from the moment of the change
		params.OverlapUntil = v.s.cfg.Now().Add(time.Duration(days)*24*time.Hour - time.Minute).UTC().Truncate(time.Second)
	}
	done, err := v.do(r, registry.OpCredentialRotate, c.Environment, params, form, "")
	if errors.Is(err, registry.ErrIdempotency) { // the end of the overlap moves with the clock: the same form comes as another operation
		v.rotatedBefore(w, r, c.ID)
		return
	}
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	v.handOver(w, r, done)
}

// newest is the number of the newest version; 0: there is none.
func newest(c partner.Credential) int {
	number := 0
	for _, version := range c.Versions {
		number = max(number, version.Number)
	}
	return number
}

// replacedMeanwhile answers a form that was made before the newest secret was: in another window, by a colleague, or by this form.
func (v *visit) replacedMeanwhile(w http.ResponseWriter, r *http.Request, number int) {
	v.show(w, r, "trouble", page.View{Title: "A newer secret is there", Section: "credentials", Status: http.StatusConflict, Narrow: true, Data: page.Trouble{
		Text: fmt.Sprintf("Since this page was opened, secret version %d was made: in another window, by a colleague, or by this very form. It was shown already, once. "+
			"Nothing was changed now.", number),
		Next:  []string{"If you or a colleague has it: all is well.", "If nobody has it: replace the secret once more on the page of the credential."},
		Links: []page.Item{{Text: "The credential", Href: page.Path(Base+"/credentials", r.PathValue("credential")), Main: true}}}})
}

// rotatedBefore answers a form that was sent before: it made a secret, which was shown then, or a request that waits.
func (v *visit) rotatedBefore(w http.ResponseWriter, r *http.Request, credentialID string) {
	own, err := v.own(r.Context())
	switch {
	case err != nil:
		v.fail(w, r, err, nil)
	case waitingRotation(own, credentialID, v.who.Name) != nil:
		http.Redirect(w, r, page.Link(Base+"/requests", "done", "asked"), http.StatusSeeOther)
	default:
		v.shownAlready(w, r)
	}
}

// reveal hands over the secret that a schedule has made.
func (v *visit) reveal(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	_, c, ok := v.ownCredential(w, r, form)
	if !ok {
		return
	}
	issued, err := v.s.cfg.Register.RevealAsMember(r.Context(), v.who, c.ID, 0)
	if errors.Is(err, registry.ErrNotFound) { // the credential is ours, so it is the secret that is not there any more
		v.shownAlready(w, r)
		return
	}
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	v.handOver(w, r, registry.MemberDone{Issued: &issued})
}

// retire ends one old version.
func (v *visit) retire(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	_, c, ok := v.ownCredential(w, r, form)
	if !ok {
		return
	}
	version, err := strconv.Atoi(form.Value("version"))
	if err != nil || !slices.ContainsFunc(c.Versions, func(x partner.Version) bool { return x.Number == version }) {
		v.nowhere(w, r)
		return
	}
	_, err = v.do(r, registry.OpCredentialRetire, c.Environment, registry.CredentialRetire{Credential: c.ID, Version: version}, form, "")
	v.settle(w, r, err, form, page.Path(Base+"/credentials", c.ID), "retired")
}

// waitingRotation is the request to replace a credential's secret that has not ended.
func waitingRotation(own registry.MemberView, credentialID, who string) *asked {
	for _, p := range own.Proposals {
		if p.EndedAt.IsZero() && p.Operation.Name == registry.OpCredentialRotate && credentialOf(p.Operation) == credentialID {
			a := askedOf(p, who)
			return &a
		}
	}
	return nil
}
