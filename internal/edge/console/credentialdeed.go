package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

var credentialKinds = []page.Option{
	{Value: "signing_key", Text: "Signing key", Hint: "API token and API secret: each request is signed."},
	{Value: "app", Text: "App", Hint: "App key, partner id and partner secret: exchanged for access tokens."}}

// credentialNew asks for which environment a credential is to be issued: those whose review is approved.
func (v *visit) credentialNew(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "credentials.write", "") {
		return
	}
	form, err := v.form("environment", r.URL.Query().Get("environment"), "kind", r.URL.Query().Get("kind"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.credentialNewAgain(w, r, form, 0)
}

func (v *visit) credentialNewAgain(w http.ResponseWriter, r *http.Request, form *page.Form, status int) {
	owner, err := v.api.PartnerGet(r.Context(), r.PathValue("partner"))
	if err != nil {
		v.fail(w, r, err)
		return
	}
	reviews, err := v.api.PartnerReviews(r.Context(), owner.Value.ID)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	p := owner.Value
	var admitted []string
	for _, f := range reviews.Value.Items {
		if f.Review.State == api.ReviewStateApproved {
			admitted = append(admitted, f.Review.Environment)
		}
	}
	slices.Sort(admitted)
	d := &deed{Title: "Issue a credential", Lead: page.Cut(80, p.Name), Trail: partnerTrail(p), Action: partnerPath(p.ID,
		"credentials", "new"), Back: partnerPath(p.ID),
		Button: "Issue the credential", Form: form}
	if len(admitted) == 0 {
		d.Notes = append(d.Notes, deedNote{"warn",
			"This partner is admitted to no environment yet: a credential is issued where its review is approved."})
	}
	d.Notes = append(d.Notes, deedNote{"",
		"The secret is on the next page, once; where this waits for a second person, it is yours to take when they have agreed. Have the way ready by which the partner gets it."})
	d.Fields = []deedField{pick(form, "environment", "Environment", "Where the partner's review is approved.",
		options(admitted...)),
		{"radios", page.Field{Form: form, Name: "kind", Label: "Kind", Required: true, Options: credentialKinds}},
		because(form)}
	v.ask(w, r, d, status)
}

func (v *visit) credentialIssue(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	if form.Value("environment") == "" {
		form.Refuse("environment", "Choose the environment.")
	}
	if form.Value("kind") == "" {
		form.Refuse("kind", "Choose what the partner's API asks for.")
	}
	if form.Bad() {
		v.credentialNewAgain(w, r, form, http.StatusUnprocessableEntity)
		return
	}
	made, err := v.api.CredentialIssue(r.Context(), r.PathValue("partner"), api.CredentialIssueParams{IdempotencyKey: form.Key},
		api.CredentialIssue{Environment: form.Value("environment"), Kind: api.CredentialKind(form.Value("kind")),
			Reason: form.Value("reason")})
	switch {
	case err != nil && refused(form, err):
		v.credentialNewAgain(w, r, form, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, made.Waiting):
	default:
		s := issuedSecret(made.Value, "A new credential", "The credential was issued.")
		s.Next = []string{"Give the secret to the partner by a way that only its receiver reads.",
			"It counts on every server within a second."}
		v.showSecret(w, r, s)
	}
}

// credentialKeys asks for the TLS keys that a credential is bound to.
func (v *visit) credentialKeys(w http.ResponseWriter, r *http.Request) {
	c, p, ok := v.credentialFound(w, r)
	if !ok || !v.needs(w, r, "credentials.write", c.Environment) {
		return
	}
	form, err := v.form("keys", strings.Join(c.ClientKeys, "\n"), "etag", c.Etag)
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.ask(w, r, keysDeed(form, c, p), 0)
}

func keysDeed(form *page.Form, c api.Credential, p api.Partner) *deed {
	return &deed{Title: "Bind to TLS client keys", Lead: page.Cut(80, p.Name), Trail: credentialTrail(p, c, true),
		Action: credentialPath(c, "client-keys"), Back: credentialPath(c),
		Button: "Bind it to these keys", Form: form, Hidden: []fact{{"etag", form.Value("etag")}},
		names: []string{"client_keys", "keys"},
		Notes: []deedNote{{"",
			"A credential that is bound counts only on a TLS connection whose client certificate has one of these keys. Bound to none, it counts on any connection."}},
		Fields: []deedField{{"textarea", page.Field{Form: form, Name: "keys", Label: "SHA-256 of each public key", Rows: 4,
			Mono: true, Max: 400,
			Hint: "64 hex digits, one key in a line, at most four: openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform der | sha256sum"}}, because(form)}}
}

func (v *visit) credentialBind(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	keys := []string{}
	for _, text := range lines(form.Value("keys")) {
		keys = append(keys, strings.ToLower(strings.ReplaceAll(text, ":", "")))
	}
	done, err := v.api.CredentialBind(r.Context(), c.ID, api.CredentialBindParams{IfMatch: match(form.Value("etag"))},
		api.ClientKeys{ClientKeys: keys, Reason: form.Value("reason")})
	if errors.Is(err, api.Stale) && slices.Equal(slices.Sorted(slices.Values(keys)),
		slices.Sorted(slices.Values(c.ClientKeys))) {
		err = nil // it is so already: a second press of the button, or somebody else was quicker
	}
	form.Values.Set("etag", c.Etag)
	v.settle(w, r, keysDeed(form, c, p), done.Waiting, err, "credential-bound", "")
}

// Spans that people choose for schedules, as seconds.
var (
	everyOptions   = spanOptions(7, 14, 30, 60, 90, 180, 365)
	overlapOptions = append([]page.Option{{Value: "0", Text: "no time: they end at the handing over"}, {Value: "3600",
		Text: "1 hour"}}, spanOptions(1, 3, 7, 14, 30)...)
)

func spanOptions(days ...int) (list []page.Option) {
	for _, n := range days {
		list = append(list, page.Option{Value: strconv.Itoa(n * 86400), Text: plural(n, "day")})
	}
	return list
}

// withOption adds a value that is in force and in no list, so that a form never changes what nobody touched.
func withOption(list []page.Option, seconds int64) []page.Option {
	value := strconv.FormatInt(seconds, 10)
	if slices.ContainsFunc(list, func(o page.Option) bool { return o.Value == value }) {
		return list
	}
	return append(slices.Clone(list), page.Option{Value: value, Text: spanWords(time.Duration(seconds) * time.Second)})
}
