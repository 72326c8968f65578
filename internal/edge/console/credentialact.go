package console

import (
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func (v *visit) credentialUnlock(w http.ResponseWriter, r *http.Request) {
	v.credentialAct(w, r, "unlock", "credential-unlocked", func(id string, form *page.Form) (*api.Proposal, error) {
		done, err := v.api.CredentialUnlock(r.Context(), id, api.CredentialUnlockParams{IdempotencyKey: form.Key},
			api.Act{Reason: form.Value("reason")})
		return done.Waiting, err
	})
}

func (v *visit) credentialTokens(w http.ResponseWriter, r *http.Request) {
	v.credentialAct(w, r, "tokens", "tokens-revoked", func(id string, form *page.Form) (*api.Proposal, error) {
		done, err := v.api.TokensRevoke(r.Context(), id, api.TokensRevokeParams{IdempotencyKey: form.Key},
			api.Act{Reason: form.Value("reason")})
		return done.Waiting, err
	})
}

// credentialAct is a short form of the credential's page: form names it.
func (v *visit) credentialAct(w http.ResponseWriter, r *http.Request, form, key string, act func(id string,
	form *page.Form) (*api.Proposal, error)) {
	sent, ok := v.read(w, r)
	if !ok {
		return
	}
	waiting, err := act(r.PathValue("credential"), sent)
	switch {
	case err != nil && refused(sent, err):
		v.credentialAgain(w, r, sent, form, statusOf(err))
	case err != nil:
		v.fail(w, r, err)
	case v.waits(w, r, waiting):
	default:
		v.done(w, r, page.Path(base+"/credentials", r.PathValue("credential")), key)
	}
}

// credentialReveal shows the secret of a scheduled rotation, to whoever asks first. However many ask at once, the contract
// gives it
// to one; the others are told that it was shown.
func (v *visit) credentialReveal(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	c, p, ok := v.credentialFound(w, r)
	if !ok {
		return
	}
	version := int(whole(form, "version", 1_000_000))
	shown, err := v.api.CredentialReveal(r.Context(), c.ID, api.CredentialRevealParams{},
		api.CredentialReveal{Version: version})
	if errors.Is(err, api.NotFound) {
		s := issuedSecret(api.CredentialIssued{Credential: c, KeyID: c.KeyID, Login: c.Login, Version: version},
			"The secret of the rotation", "No secret waits here any more.")
		s.trail, s.Gone = credentialTrail(p, c, true), "It was shown already, or nobody fetched it in time."
		v.showSecret(w, r, s)
		return
	}
	if err != nil {
		v.fail(w, r, err)
		return
	}
	s := issuedSecret(shown.Value, "The secret of the rotation", "The new version was handed over to you.")
	s.trail = credentialTrail(p, c, true)
	s.Next = rotationNext
	s.Links = append([]page.Item{{Text: "I have kept it: watch the rotation", Href: credentialPath(c, "rotation"), Main: true}},
		page.Item{Text: "To the credential", Href: credentialPath(c)})
	v.showSecret(w, r, s)
}

var rotationNext = []string{"Give the new secret to the partner by a way that only its receiver reads.",
	"The partner puts it into use. Both versions count until the older one ends.",
	"Watch the use of the older version fall. When it is silent, retire it, or let it end by itself."}
