package admin_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// TestRule33NoAnswerHoldsASecretOfSignIns: whatever is asked, by whoever may ask everything, no answer has a hash, a credential record
// or an identity of an account (the API maps fields, and never writes a noun of the register whole).
func TestRule33NoAnswerHoldsASecretOfSignIns(t *testing.T) {
	w, ids := populated(t)
	w.people["root"] = everybody(w.clock.now().Add(1e6 * time.Hour))["glass"]
	secrets, reached := w.signedUp(t), map[string]bool{}
	for _, s := range w.shapes() {
		targets := []string{s.target(ids) + s.query()}
		if s.id == "accountGet" {
			accounts, err := w.Accounts(ctx)
			w.must(err)
			for _, a := range accounts {
				targets = append(targets, "/v1/accounts/"+a.ID)
			}
		}
		for _, target := range targets {
			var body any
			if b := s.body(); b != nil {
				body = b
			}
			a := w.send("root", s.method, target, body, s.headers("*")...)
			for _, known := range []string{"pass@example.com", "oidc@example.com", `"robot"`, `"safe"`} {
				reached[known] = reached[known] || strings.Contains(a.Body.String(), known)
			}
			for what, secret := range secrets {
				if strings.Contains(a.Body.String(), secret) {
					t.Errorf("%s: the answer holds %s", s.id, what)
				}
			}
		}
	}
	for known, is := range reached {
		if !is {
			t.Errorf("no answer tells of %s: what this test looks for could not have been there", known)
		}
	}
	for what, secret := range secrets {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %s", what)
		}
	}
}

// signedUp makes an account with a passkey and one with an identity, a service account and a break-glass code, and tells what must
// stay inside.
func (w *world) signedUp(t *testing.T) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	link, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "pass@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	in, err := w.RedeemLink(ctx, string(link.Token.Bytes()), registry.Redemption{Passkey: operator.Passkey{ID: "a2V5", Name: "laptop",
		Credential: []byte(`{"publicKey":"the-credential-record"}`)}}, "192.0.2.1", registry.SessionTerms{})
	w.must(err)
	secrets["a credential record"], secrets["a session"], secrets["its hash"] = "the-credential-record", string(in.Token.Bytes()), operator.HashToken(string(in.Token.Bytes()))
	secrets["a recovery code's hash"], secrets["a recovery code"] = in.Account.Recovery[0], in.Recovery[0]
	who, err := w.SignInIdentity(ctx, registry.Identity{Issuer: "https://id.example.com", Subject: "the-subject-of-somebody", Login: "oidc@example.com",
		Roles: []operator.Role{operator.Viewer}}, "192.0.2.1", registry.SessionTerms{})
	w.must(err)
	secrets["an identity's subject"], secrets["another session"] = who.Account.Subject, string(who.Token.Bytes())
	service, token, err := w.CreateService(ctx, alice, registry.ServiceCreate{Name: "robot", Roles: []operator.Role{operator.Viewer}, NotAfter: w.clock.now().Add(time.Hour)})
	w.must(err)
	secrets["a service token"], secrets["a service token's hash"] = string(token.Bytes()), service.TokenHash
	glass, code, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: "safe"})
	w.must(err)
	secrets["a break-glass code"], secrets["a break-glass code's hash"] = string(code.Bytes()), glass.CodeHash
	return secrets
}
