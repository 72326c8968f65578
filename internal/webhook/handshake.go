package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

const (
	// maxAnswer is how much of an answer is read: its head and its body each.
	maxAnswer = 64 << 10
	// challengeSize is how many random bytes a challenge holds.
	challengeSize = 32
	// typeVerify is the type of the event that a handshake sends.
	typeVerify = "endpoint.verify"
)

// question is the body of a handshake.
type question struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // RFC 3339
	Endpoint  string `json:"endpoint"`
	Challenge string `json:"challenge"` // base64url of 32 random bytes
}

// Handshake asks the endpoint to prove that it holds its signing key: a signed POST with a random challenge, answered with 2xx
// and the JSON object {"proof": Proof} and nothing else. One attempt, within Config.Timeout and ctx. It never fails: what went
// wrong is a result, and nothing that the endpoint sent is in it but its status. It keeps nothing of target.
func (c *Client) Handshake(ctx context.Context, target partner.EndpointTarget) partner.Handshake {
	h := partner.Handshake{EndpointID: target.ID, At: c.cfg.Now().UTC(), Result: partner.HandshakeNotAttempted}
	begin := time.Now() // how long it took is of the machine's own clock
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	a := attempt{client: c, target: target, dialler: c.dialler(target.Environment)}
	h.Result = a.run(ctx)
	h.Address, h.Status, h.KeyID = a.dialler.address, a.status, a.proved
	h.Millis = time.Since(begin).Milliseconds()
	return h
}

// attempt is one handshake.
type attempt struct {
	client    *Client
	target    partner.EndpointTarget
	dialler   *dialler
	challenge string
	status    int
	proved    string // the key
}

func (a *attempt) run(ctx context.Context) partner.HandshakeResult {
	plain := a.client.cfg.Plain != nil && a.client.cfg.Plain(a.target.Environment)
	if parsed, err := partner.ParseEndpointURL(a.target.URL, plain); err != nil || parsed != a.target.URL {
		return partner.HandshakeURL
	}
	request, err := a.request(ctx)
	if err != nil {
		return partner.HandshakeNotAttempted
	}
	conn, result := a.connect(ctx, request.URL)
	if conn == nil {
		return result
	}
	defer func() { _ = conn.Close() }()
	transport := over(conn)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request) // no client: none of its redirects and cookies
	if err != nil {
		return blame(ctx, err, partner.HandshakeUnreachable)
	}
	defer func() { _ = response.Body.Close() }()
	a.status = response.StatusCode
	switch {
	case a.status >= 300 && a.status <= 399:
		return partner.HandshakeRedirect
	case a.status < 200 || a.status > 299:
		return partner.HandshakeStatus
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case len(body) > maxAnswer:
		return partner.HandshakeTooLarge
	case err != nil, ctx.Err() != nil: // some answers end because the time is up
		return blame(ctx, err, partner.HandshakeUnreachable)
	}
	return a.judge(body)
}

// connect makes the one connection that there is, before the request: what goes wrong in it is told apart by where it does.
func (a *attempt) connect(ctx context.Context, u *url.URL) (net.Conn, partner.HandshakeResult) {
	port := cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	conn, err := a.dialler.dial(ctx, u.Hostname(), port)
	if err != nil {
		return nil, blame(ctx, err, partner.HandshakeUnreachable)
	}
	if u.Scheme == "http" {
		return conn, ""
	}
	secure := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.client.cfg.Roots, Time: a.client.cfg.Now, ServerName: u.Hostname()})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, blame(ctx, err, partner.HandshakeTLS)
	}
	return secure, ""
}

// over is HTTP/1.1 over a connection that stands, for one request. It dials nothing, whatever it is asked.
func over(conn net.Conn) *http.Transport {
	once := make(chan net.Conn, 1)
	once <- conn
	given := func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-once:
			return c, nil
		default:
			return nil, errors.New("there is one connection for one request")
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{Proxy: nil, DialContext: given, DialTLSContext: given, DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: maxAnswer, Protocols: protocols}
}

// blame sorts an error into the closed list; otherwise says what it is where nothing more is known. Its text is told to nobody:
// parts of it come from the other side.
func blame(ctx context.Context, err error, otherwise partner.HandshakeResult) partner.HandshakeResult {
	var network net.Error
	switch {
	case errors.Is(err, errForbidden):
		return partner.HandshakeForbidden
	case errors.Is(ctx.Err(), context.Canceled):
		return partner.HandshakeNotAttempted
	case ctx.Err() != nil, errors.As(err, &network) && network.Timeout():
		return partner.HandshakeTimeout
	case errors.Is(err, errUnresolved):
		return partner.HandshakeUnresolved
	}
	return otherwise
}

// request is the signed POST.
func (a *attempt) request(ctx context.Context) (*http.Request, error) {
	raw := make([]byte, challengeSize)
	if _, err := io.ReadFull(a.client.cfg.Rand, raw); err != nil || len(a.target.Keys) == 0 {
		return nil, errors.Join(err, errors.New("no challenge, or no key"))
	}
	id, err := secret.RowID(a.client.cfg.Rand, "msg_")
	if err != nil {
		return nil, err
	}
	a.challenge = base64.RawURLEncoding.EncodeToString(raw)
	now := a.client.cfg.Now()
	body, err := json.Marshal(question{Type: typeVerify, Timestamp: now.UTC().Format(time.RFC3339), Endpoint: a.target.ID, Challenge: a.challenge})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.target.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.GetBody = nil // nothing is ever sent twice
	request.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"Countersign-Webhook/1"}}
	sign(request.Header, a.target.Keys, id, now, body)
	return request, nil
}

// judge takes an answer apart: one JSON object with one member, and in it the proof of one of the keys.
func (a *attempt) judge(body []byte) partner.HandshakeResult {
	proof, ok := parseProof(body)
	if !ok {
		return partner.HandshakeMalformed
	}
	for _, k := range a.target.Keys {
		if hmac.Equal([]byte(Proof(k, a.challenge)), []byte(proof)) {
			a.proved = k.ID
			return partner.HandshakeProved
		}
	}
	return partner.HandshakeWrongProof
}

// parseProof reads {"proof":"..."}: no other member, none twice, nothing behind it.
func parseProof(body []byte) (proof string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	for _, wanted := range []json.Token{json.Delim('{'), "proof"} {
		if t, err := d.Token(); err != nil || t != wanted {
			return "", false
		}
	}
	t, err := d.Token()
	proof, ok = t.(string)
	if err != nil || !ok || len(proof) != 64 {
		return "", false
	}
	if t, err = d.Token(); err != nil || t != json.Delim('}') {
		return "", false
	}
	if _, err = d.Token(); !errors.Is(err, io.EOF) {
		return "", false
	}
	return proof, true
}
