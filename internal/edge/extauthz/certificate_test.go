package extauthz_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/partner"
)

// escapedPEM is a certificate as the filter hands it over.
func escapedPEM(t testing.TB) string {
	t.Helper()
	certificate, _ := certificateOf(t)
	return escaped(certificate.Certificate[0])
}

func escaped(der []byte) string {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") // the filter escapes all but letters, digits and -._~
}

// TestRule29ACertificateCountsOnlyFromAProxyThatIsTrustedForIt, and only one that can be read and is in force.
func TestRule29ACertificateCountsOnlyFromAProxyThatIsTrustedForIt(t *testing.T) {
	certificate, _ := certificateOf(t)
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	set := settings{
		api: func(a *access.API) { a.ClientCertificate = access.ClientCertificateRequired },
		roster: func(r *partner.Roster) {
			for i := range r.Credentials {
				if r.Credentials[i].KeyID == boundKey {
					r.Credentials[i].ClientKeys = []string{hex.EncodeToString(sum[:])}
				}
			}
		},
		checker: func(c *extauthz.Config) { c.ClientCertificates = true },
	}
	w := newWorld(t, set)
	c := w.signed(boundKey, "GET", "/api/v1/cards/1", "")
	mine := escaped(certificate.Certificate[0])
	w.allow("its own", c, syntheticFilter{certificate: mine})
	w.allow("its own, once more", c, syntheticFilter{certificate: mine})
	w.refuse(access.ClientCertificate, "none", c, syntheticFilter{})
	w.refuse(access.ClientCertificate, "another's", c, syntheticFilter{certificate: escapedPEM(t)})
	for what, text := range map[string]string{
		"not escaped right": "%zz" + mine, "no PEM": "MIIB", "two of them": mine + mine, "something behind it": mine + "a",
		"a key": strings.ReplaceAll(mine, "CERTIFICATE", "PRIVATE%20KEY"), "an endless one": strings.Repeat("a", 40<<10),
		"none that can be read": escaped([]byte("not DER")),
	} {
		w.refuse(access.ClientCertificate, what, c, syntheticFilter{certificate: text})
	}
	w.clock.Store(leaf.NotAfter.Unix() + 1)
	w.must(w.decider.Load(reloaded(set), w.now()))
	w.refuse(access.ClientCertificate, "not in force any more", w.signed(boundKey, "GET", "/api/v1/cards/1", ""), syntheticFilter{certificate: mine})

	set.checker = nil
	w = newWorld(t, set)
	w.refuse(access.ClientCertificate, "from a proxy that is not trusted for it", c, syntheticFilter{certificate: mine})
}

func reloaded(set settings) *partner.Roster {
	r := roster()
	r.Revision++
	set.roster(r)
	return r
}
