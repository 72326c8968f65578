package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	endian "encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// passkey is a security key in software, written from WebAuthn Level 3 §6: ES256, no attestation, its user verified.
type passkey struct {
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte // whose it is, as the server said
	counter uint32
}

func newPasskey(t *testing.T) *passkey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &passkey{key: key, id: []byte(rand.Text())}
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// data is the authenticator data (§6.1): the digest of the relying party's id, the flags, the counter, and the new key if there is one.
func (k *passkey) data(host string, attested []byte) []byte {
	sum, flags := sha256.Sum256([]byte(host)), byte(0x05) // the user is present and verified
	if attested != nil {
		flags |= 0x40
	}
	return append(endian.BigEndian.AppendUint32(append(sum[:], flags), k.counter), attested...)
}

func clientData(t *testing.T, kind, challenge, origin string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// cbor is the head of one CBOR item (RFC 8949 §3) with what follows it.
func cbor(major byte, n int, rest ...byte) []byte {
	head := []byte{major<<5 | byte(min(n, 24))}
	switch {
	case n >= 256:
		head = []byte{major<<5 | 25, byte(n >> 8), byte(n)}
	case n >= 24:
		head = append(head, byte(n))
	}
	return append(head, rest...)
}

func cborText(s string) []byte  { return cbor(3, len(s), []byte(s)...) }
func cborBytes(b []byte) []byte { return cbor(2, len(b), b...) }

func joined(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// create answers a registration (§6.5, attestation "none").
func (k *passkey) create(t *testing.T, challenge, origin, host string) map[string]any {
	t.Helper()
	point, err := k.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := joined(cbor(5, 5), cbor(0, 1), cbor(0, 2), cbor(0, 3), cbor(1, 6), // {1: 2 (EC2), 3: -7 (ES256),
		cbor(1, 0), cbor(0, 1), cbor(1, 1), cborBytes(point[1:33]), cbor(1, 2), cborBytes(point[33:])) // -1: 1 (P-256), -2: x, -3: y}
	attested := joined(make([]byte, 16), endian.BigEndian.AppendUint16(nil, uint16(len(k.id))), k.id, cose)
	object := joined(cbor(5, 3), cborText("fmt"), cborText("none"), cborText("attStmt"), cbor(5, 0),
		cborText("authData"), cborBytes(k.data(host, attested)))
	return k.credential(map[string]any{"clientDataJSON": base64url(clientData(t, "webauthn.create", challenge, origin)),
		"attestationObject": base64url(object)})
}

// get answers a sign-in (§6.3.3).
func (k *passkey) get(t *testing.T, challenge, origin, host string) map[string]any {
	t.Helper()
	k.counter++
	data, client := k.data(host, nil), clientData(t, "webauthn.get", challenge, origin)
	inner := sha256.Sum256(client)
	outer := sha256.Sum256(joined(data, inner[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, k.key, outer[:])
	if err != nil {
		t.Fatal(err)
	}
	return k.credential(map[string]any{"clientDataJSON": base64url(client), "authenticatorData": base64url(data),
		"signature": base64url(signature), "userHandle": base64url(k.handle)})
}

func (k *passkey) credential(response map[string]any) map[string]any {
	id := base64url(k.id)
	return map[string]any{"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response}
}

// ceremony is what the server gives a browser for one.
type ceremony struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"publicKey"`
}

// register opens a one-time link in the person's browser and registers a passkey there, as the page's script does. Login and name
// are for the first admin, whose account has none yet.
func (p *person) register(t *testing.T, link, login, name string) {
	t.Helper()
	_, token, found := strings.Cut(link, "/sign-in/link#")
	if !found {
		t.Fatalf("no one-time link: %q", link)
	}
	p.form(t, "/sign-in/link", "token", token).want(t, http.StatusSeeOther)
	p.get(t, "/sign-in/welcome").want(t, http.StatusOK)
	var begun ceremony
	p.post(t, "/sign-in/passkey/new", map[string]any{"link": true, "login": login, "name": name,
		"key": "laptop"}).want(t, http.StatusOK).decode(t, &begun)
	p.key = newPasskey(t)
	var err error
	if p.key.handle, err = base64.RawURLEncoding.DecodeString(begun.PublicKey.User.ID); err != nil {
		t.Fatal(err)
	}
	origin, host := p.office.origin()
	var done struct{ Recovery []string }
	p.post(t, "/sign-in/passkey/add", map[string]any{"credential": p.key.create(t, begun.PublicKey.Challenge, origin,
		host)}).want(t, http.StatusOK).decode(t, &done)
	if len(done.Recovery) == 0 {
		t.Error("whoever registers the first passkey gets no recovery codes")
	}
	for _, code := range done.Recovery {
		tell(code)
	}
}

// signIn signs in with the passkey.
func (p *person) signIn(t *testing.T) {
	t.Helper()
	var begun ceremony
	p.post(t, "/sign-in/passkey/begin", struct{}{}).want(t, http.StatusOK).decode(t, &begun)
	origin, host := p.office.origin()
	p.post(t, "/sign-in/passkey/finish", map[string]any{"credential": p.key.get(t, begun.PublicKey.Challenge, origin,
		host), "next": "/sign-in/"}).want(t, http.StatusOK)
}
