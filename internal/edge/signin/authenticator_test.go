package signin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// authenticator is a security key in software: ES256, no attestation, as WebAuthn Level 3 §6 describes. Its fields are what it
// says; a test makes it lie.
type authenticator struct {
	t       testing.TB
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	counter uint32
	flags   byte // user present, user verified
	rpID    string
	origin  string
}

func newAuthenticator(t testing.TB) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	return &authenticator{t: t, key: key, id: id, counter: 1, flags: 0x05, rpID: "admin.example.com", origin: public}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) data(attested []byte) []byte {
	sum := sha256.Sum256([]byte(a.rpID))
	flags := a.flags
	if attested != nil {
		flags |= 0x40
	}
	data := append(sum[:], flags)
	data = binary.BigEndian.AppendUint32(data, a.counter)
	return append(data, attested...)
}

func (a *authenticator) client(kind, challenge string) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// create answers a registration.
func (a *authenticator) create(challenge string, handle []byte) map[string]any {
	a.t.Helper()
	a.handle = handle
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:]})
	if err != nil {
		a.t.Fatal(err)
	}
	attested := append(make([]byte, 16), byte(len(a.id)>>8), byte(len(a.id)))
	attested = append(append(attested, a.id...), cose...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(attested)})
	if err != nil {
		a.t.Fatal(err)
	}
	return map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(a.client("webauthn.create", challenge)), "attestationObject": b64(object)}}
}

// get answers a sign-in.
func (a *authenticator) get(challenge string) map[string]any {
	a.t.Helper()
	a.counter++
	data, client := a.data(nil), a.client("webauthn.get", challenge)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle)}}
}

type options struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"user"`
		UserVerification       string `json:"userVerification"`
		AuthenticatorSelection struct {
			UserVerification string `json:"userVerification"`
			ResidentKey      string `json:"residentKey"`
		} `json:"authenticatorSelection"`
	} `json:"publicKey"`
}

// openLink takes a one-time link as far as the choice of how to sign in.
func (b *browser) openLink(link registry.Invitation) answer {
	b.w.t.Helper()
	b.form("/sign-in/link", "token", string(link.Token.Bytes())).want(b.w.t, http.StatusSeeOther, "/sign-in/welcome")
	return b.get("/sign-in/welcome").want(b.w.t, http.StatusOK, "")
}

// register runs a registration to its end.
func (b *browser) register(key *authenticator, fields map[string]any) answer {
	b.w.t.Helper()
	var o options
	begun := b.json("/sign-in/passkey/new", fields)
	if begun.StatusCode != http.StatusOK {
		return begun
	}
	begun.read(b.w.t, &o)
	handle, err := base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	b.w.must(err)
	return b.json("/sign-in/passkey/add", map[string]any{"credential": key.create(o.PublicKey.Challenge, handle)})
}

// challenge begins a sign-in.
func (b *browser) challenge() string {
	b.w.t.Helper()
	var o options
	b.json("/sign-in/passkey/begin", struct{}{}).want(b.w.t, http.StatusOK, "").read(b.w.t, &o)
	return o.PublicKey.Challenge
}

// signIn signs in with a passkey.
func (b *browser) signIn(key *authenticator) answer {
	b.w.t.Helper()
	return b.json("/sign-in/passkey/finish", map[string]any{"credential": key.get(b.challenge()), "next": "/console/"})
}

// admin is a browser in which the first admin has registered, with its key and recovery codes.
func (w *world) admin() (*browser, *authenticator, []string) {
	w.t.Helper()
	link, err := w.register.InviteFirst(ctx, local)
	w.must(err)
	b, key := w.browser(), newAuthenticator(w.t)
	b.openLink(link)
	var done struct {
		Recovery []string `json:"recovery"`
	}
	b.register(key, map[string]any{"link": true, "login": "root@example.com", "name": "Root", "key": "laptop"}).want(w.t, http.StatusOK, "").read(w.t, &done)
	return b, key, done.Recovery
}

// person is a browser in which somebody who was invited has registered.
func (w *world) person(login string, roles ...operator.Role) (*browser, *authenticator) {
	w.t.Helper()
	link, err := w.register.InviteAccount(ctx, local, registry.AccountInvite{Login: login, Roles: roles})
	w.must(err)
	b, key := w.browser(), newAuthenticator(w.t)
	b.openLink(link)
	b.register(key, map[string]any{"link": true, "key": "laptop"}).want(w.t, http.StatusOK, "")
	return b, key
}
