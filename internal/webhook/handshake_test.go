package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/webhook"
)

func TestAnEndpointProvesThatItHoldsTheKey(t *testing.T) {
	s := serve(t, proving(key1))
	h := ends(t, client(t, s), s.target(), partner.HandshakeProved)
	if h.KeyID != key1.ID || h.Address != netip.MustParseAddr("127.0.0.1") || h.Status != 200 {
		t.Errorf("the handshake says %+v", h)
	}
}

// TestACallIsSignedAsStandardWebhooksAre computes the signature from the text of that specification, not with our code.
func TestACallIsSignedAsStandardWebhooksAre(t *testing.T) {
	s := serve(t, proving(key2))
	h := ends(t, client(t, s), s.target(key1, key2), partner.HandshakeProved)
	if h.KeyID != key2.ID {
		t.Errorf("proved with %s, not with the key that is still live", h.KeyID)
	}
	got := s.got()[0]
	id, stamp := got.header.Get("webhook-id"), got.header.Get("webhook-timestamp")
	var want []string
	for _, k := range []partner.TargetKey{key1, key2} {
		m := hmac.New(sha256.New, k.Secret.Bytes())
		m.Write([]byte(id + "." + stamp + "." + string(got.body)))
		want = append(want, "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	if got.header.Get("webhook-signature") != strings.Join(want, " ") || stamp != "1795168800" || !strings.HasPrefix(id, "msg_") {
		t.Errorf("signed as %v", got.header)
	}
	var q map[string]string
	if err := json.Unmarshal(got.body, &q); err != nil || q["type"] != "endpoint.verify" || q["endpoint"] != "whe_1" || len(q["challenge"]) != 43 {
		t.Errorf("asked %s (%v)", got.body, err)
	}
}

func TestNoTwoHandshakesShareAChallenge(t *testing.T) {
	s := serve(t, proving(key1))
	c := client(t, s)
	ends(t, c, s.target(), partner.HandshakeProved)
	ends(t, c, s.target(), partner.HandshakeProved)
	calls := s.got()
	if string(calls[0].body) == string(calls[1].body) || calls[0].header.Get("webhook-id") == calls[1].header.Get("webhook-id") {
		t.Errorf("asked the same twice: %s", calls[0].body)
	}
}

// echo sends back whatever it got.
func echo(w http.ResponseWriter, r *http.Request, challenge string) {
	for name, values := range r.Header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	_, _ = io.WriteString(w, `{"type":"endpoint.verify","challenge":"`+challenge+`"}`)
}

// signatureAsProof sends the signature of the call back as the proof, in hex: a MAC with the right key over something else.
func signatureAsProof(w http.ResponseWriter, r *http.Request, _ string) {
	text := strings.TrimPrefix(r.Header.Get("webhook-signature"), "v1,")
	raw, _ := base64.StdEncoding.DecodeString(text)
	_, _ = io.WriteString(w, `{"proof":"`+hexOf(raw)+`"}`)
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

func TestWhatProvesNothing(t *testing.T) {
	good := strings.Repeat("a", 64)
	proof := func(challenge string) string { return webhook.Proof(key1, challenge) }
	for name, row := range map[string]struct {
		handler func(http.ResponseWriter, *http.Request, string)
		want    partner.HandshakeResult
	}{
		"an echo":                 {echo, partner.HandshakeMalformed},
		"the signature as proof":  {signatureAsProof, partner.HandshakeWrongProof},
		"the proof of another":    {proving(key2), partner.HandshakeWrongProof},
		"no proof":                {saying(200, ""), partner.HandshakeMalformed},
		"not JSON":                {saying(200, "ok"), partner.HandshakeMalformed},
		"a wrong proof":           {saying(200, `{"proof":"`+good+`"}`), partner.HandshakeWrongProof},
		"a short proof":           {saying(200, `{"proof":"aa"}`), partner.HandshakeMalformed},
		"a proof that is no text": {saying(200, `{"proof":1}`), partner.HandshakeMalformed},
		"two proofs":              {saying(200, `{"proof":"`+good+`","proof":"`+good+`"}`), partner.HandshakeMalformed},
		"a list":                  {saying(200, `["proof","`+good+`"]`), partner.HandshakeMalformed},
		"another status":          {saying(404, `{"proof":"`+good+`"}`), partner.HandshakeStatus},
		"a fault of its own":      {saying(500, ""), partner.HandshakeStatus},
		"the right proof and more": {func(w http.ResponseWriter, _ *http.Request, c string) {
			_, _ = io.WriteString(w, `{"proof":"`+proof(c)+`","more":1}`)
		}, partner.HandshakeMalformed},
		"the right proof and another object": {func(w http.ResponseWriter, _ *http.Request, c string) {
			_, _ = io.WriteString(w, `{"proof":"`+proof(c)+`"}{}`)
		}, partner.HandshakeMalformed},
		"the right proof in capitals": {func(w http.ResponseWriter, _ *http.Request, c string) {
			_, _ = io.WriteString(w, `{"proof":"`+strings.ToUpper(proof(c))+`"}`)
		}, partner.HandshakeWrongProof},
		"the right proof with 201": {func(w http.ResponseWriter, _ *http.Request, c string) {
			w.WriteHeader(201)
			_, _ = io.WriteString(w, " {\n \"proof\" : \""+proof(c)+"\" }\n")
		}, partner.HandshakeProved},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.handler)
			ends(t, client(t, s), s.target(), row.want)
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

func TestAHandshakeThatWeCannotMakeIsOurs(t *testing.T) {
	s := serve(t, proving(key1))
	ends(t, client(t, s, func(cfg *webhook.Config) { cfg.Rand = broken{} }), s.target(), partner.HandshakeNotAttempted)
	none := s.target()
	none.Keys = nil
	ends(t, client(t, s), none, partner.HandshakeNotAttempted)
	ended, end := context.WithCancel(context.Background())
	end()
	if h := client(t, s).Handshake(ended, s.target()); h.Result != partner.HandshakeNotAttempted {
		t.Errorf("with an ended context: %+v", h)
	}
	if n := len(s.got()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestProofAndSignatureNeverShareAnInput(t *testing.T) {
	// An endpoint that answers challenges of anybody must not sign a webhook by it: whatever the challenge, the bytes under a
	// proof have no dot, and those under a signature have two.
	for _, challenge := range []string{"", "msg_1.1795168800.{}", "verify:a.b.c"} {
		sum := sha256.Sum256([]byte(challenge))
		m := hmac.New(sha256.New, key1.Secret.Bytes())
		m.Write([]byte("verify:" + hexOf(sum[:])))
		if got := webhook.Proof(key1, challenge); got != hexOf(m.Sum(nil)) {
			t.Errorf("the proof of %q is %s", challenge, got)
		}
	}
}

func TestNewRefusesWhatWouldAllowEverything(t *testing.T) {
	for _, text := range []string{"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"} {
		cfg := webhook.Config{Allow: []netip.Prefix{netip.MustParsePrefix(text)}, Now: clockOf, Rand: broken{}}
		if _, err := webhook.New(cfg); err == nil {
			t.Errorf("%s was allowed", text)
		}
	}
	for name, cfg := range map[string]webhook.Config{"no clock": {Rand: broken{}}, "no randomness": {Now: clockOf},
		"a negative timeout": {Now: clockOf, Rand: broken{}, Timeout: -1}, "a source of everything": {Now: clockOf, Rand: broken{}, Sources: []netip.Prefix{{}}}} {
		if _, err := webhook.New(cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestTheExampleOfRecord36 is the proof in docs/adr/0036-an-endpoint-proves-that-it-holds-its-key.md, made by another program.
func TestTheExampleOfRecord36(t *testing.T) {
	text, err := os.ReadFile("../../docs/adr/0036-an-endpoint-proves-that-it-holds-its-key.md")
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(i)
	}
	const challenge, proof = "dGhpcyBpcyBhIGNoYWxsZW5nZSBvZiAzMiBieXRlcyE", "1c43ff3cf327146a49e81f2bcf88c75bae54e1d8f2611f319b46a2c7628a21c5"
	if got := webhook.Proof(partner.TargetKey{Secret: secret.NewValue(raw)}, challenge); got != proof {
		t.Errorf("the proof is %s", got)
	}
	for _, part := range []string{"whsec_" + base64.StdEncoding.EncodeToString(raw), challenge, proof} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the record lacks %s", part)
		}
	}
}
