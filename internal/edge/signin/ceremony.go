package signin

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"countersign.dev/internal/operator"
)

// newPasskeys is the relying party of the public URL's host. Only its own origin counts, also among those of one host.
func newPasskeys(public *url.URL) (*webauthn.WebAuthn, error) {
	if _, err := netip.ParseAddr(strings.Trim(public.Hostname(), "[]")); err == nil {
		return nil, fmt.Errorf("passkeys are for host names, and the public URL %s has an address: take a name, on loopback localhost", public)
	}
	resident := true
	return webauthn.New(&webauthn.Config{
		RPID: public.Hostname(), RPDisplayName: "Countersign", RPOrigins: []string{public.String()},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &resident,
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
	})
}

// person is an account as the WebAuthn library sees it. The account's id is the user handle: random, and never changed.
type person struct {
	account     operator.Account
	login       string
	credentials []webauthn.Credential
}

// personOf reads the passkeys of an account; one that cannot be read is an error, never a passkey that is missing.
func personOf(a operator.Account) (*person, error) {
	p := &person{account: a, login: a.Login}
	for _, key := range a.Passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal(key.Credential, &c); err != nil {
			return nil, err
		}
		p.credentials = append(p.credentials, c)
	}
	return p, nil
}

// WebAuthnID is the user handle.
func (p *person) WebAuthnID() []byte { return []byte(p.account.ID) }

// WebAuthnName is what authenticators show.
func (p *person) WebAuthnName() string { return p.login }

// WebAuthnDisplayName is the name, or the login.
func (p *person) WebAuthnDisplayName() string {
	if p.account.Name != "" {
		return p.account.Name
	}
	return p.login
}

// WebAuthnCredentials are the passkeys.
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// keyID is how the register names a passkey.
func keyID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// sameText compares in a time that depends on the lengths alone.
func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
