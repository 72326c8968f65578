package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/scheme"
)

// Config says how requests are signed.
type Config struct {
	// Scheme is the compiled profile. Required.
	Scheme *scheme.Scheme
	// KeyID names the key; required where the profile has {key_id}.
	KeyID string
	// Secret is the secret as it was issued. Required. It is not kept; wipe it after New.
	Secret []byte
	// Parts are the further parts of the secret, for the few profiles that have some (Scheme.Secrets). They are not kept.
	Parts map[string][]byte
	// Vars are the values that the profile asks its user for (Scheme.Vars), such as a region. Nil where it asks for none.
	Vars map[string]string
	// Hosts lists who gets signatures: "api.example.com" (port 443) or "api.example.com:8443". Required. Any other host is an
	// error before anything is sent, so that neither a redirect nor a mistake in a URL hands out a signature.
	Hosts []string
	// Base sends what was signed. Nil: a copy of http.DefaultTransport. It must not change method, URL or body.
	Base http.RoundTripper
	// Plain allows http:// URLs beyond this machine. Leave it off: whoever reads a signed request can send it again.
	Plain bool
	// FixedClock keeps the machine's clock as it is. Otherwise a refusal that shows this clock to be wrong corrects it, and the
	// request is signed and sent once more.
	FixedClock bool
	// MaxBody is how many bytes of a body are held to be signed. 0: DefaultMaxBody. Bodies of requests that can rewind
	// themselves (http.Request.GetBody) are not held where the profile allows it.
	MaxBody int64
	// Retries is how often a GET, HEAD or OPTIONS is signed and sent again after 429 or 503 with a Retry-After of at most
	// MaxWait. 0: never; at most 5. Nothing that changes state is ever sent twice by this package, but for what was refused
	// because of its time.
	Retries int
	// MaxWait bounds the Retry-After that is waited for. 0: 10 s.
	MaxWait time.Duration
	// Now is the clock; nil: time.Now. Rand makes nonces; nil: crypto/rand.
	Now  func() time.Time
	Rand io.Reader
	// Nonce makes a nonce for profiles that have one. Nil: 32 hexadecimal digits.
	Nonce func() (string, error)
}

// Transport signs every request and sends it. Safe for concurrent use, and for as many goroutines as like; make one and keep it.
type Transport struct {
	cfg     Config
	key     scheme.Key
	allowed allowed
	clock   clock
}

// New checks cfg and returns a Transport. Errors name the field; one about the secret wraps scheme.ErrSecret and never holds it.
func New(cfg Config) (*Transport, error) {
	switch {
	case cfg.Scheme == nil:
		return nil, errors.New("client: Scheme must be set")
	case cfg.Scheme.HasKeyID() && cfg.KeyID == "":
		return nil, errors.New("client: the profile names the key, so KeyID must be set")
	case cfg.Retries < 0 || cfg.Retries > 5 || cfg.MaxWait < 0 || cfg.MaxBody < 0:
		return nil, errors.New("client: Retries is 0 to 5, and nothing is negative")
	}
	key, err := cfg.Scheme.NewKeyParts(cfg.Secret, cfg.Parts)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	cfg.Secret, cfg.Parts = nil, nil
	t := &Transport{key: key}
	if t.allowed, err = newAllowed(cfg.Hosts, cfg.Plain); err != nil {
		return nil, err
	}
	cfg.fill()
	t.cfg, t.clock.now = cfg, cfg.Now
	return t, nil
}

// fill puts the defaults in.
func (c *Config) fill() {
	if c.Base == nil {
		c.Base = http.DefaultTransport.(*http.Transport).Clone()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxWait == 0 {
		c.MaxWait = 10 * time.Second
	}
	if c.Nonce == nil {
		random := c.Rand
		c.Nonce = func() (string, error) {
			b := make([]byte, 16)
			_, err := io.ReadFull(random, b)
			return hex.EncodeToString(b), err
		}
	}
}

// ClockOffset is how far the server's clock was found to be ahead of this machine's; 0 while nothing was learnt.
func (t *Transport) ClockOffset() time.Duration { return time.Duration(t.clock.offset.Load()) }

// RoundTrip signs a copy of req and sends it (http.RoundTripper). Errors wrap ErrHost and ErrBody where nothing was sent, a
// *scheme.Fault where the request cannot be signed, or are those of Base.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := t.admit(req)
	if err != nil {
		return nil, err
	}
	corrected := t.cfg.FixedClock
	for retries := 0; ; {
		resp, signed, err := t.send(req, body)
		if err != nil {
			return nil, err
		}
		if !corrected && t.clock.learn(resp, req.URL, signed, t.cfg.Scheme.Window()) {
			corrected = true
			discard(resp)
			continue
		}
		pause, again := t.pause(req, resp)
		if !again || retries == t.cfg.Retries {
			return resp, nil
		}
		retries++
		discard(resp)
		if err := wait(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// admit refuses what must not be sent, and makes the body one that can be signed and sent, in this order. The caller's body
// is closed whatever happens.
func (t *Transport) admit(req *http.Request) (source, error) {
	err := t.allowed.check(req.URL)
	if err == nil && !strings.HasPrefix(req.URL.RequestURI(), "/") {
		err = fmt.Errorf("%w: the target does not begin with a slash", ErrHost)
	}
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return source{}, err
	}
	return rewindable(req, !t.cfg.Scheme.Streams(), t.cfg.MaxBody)
}

// send signs and sends once. It says what time the signature has.
func (t *Transport) send(req *http.Request, body source) (*http.Response, time.Time, error) {
	out := req.Clone(req.Context())
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if out.Method == "" {
		out.Method = http.MethodGet
	}
	claims := scheme.Claims{KeyID: t.cfg.KeyID, Time: t.clock.time()}
	if t.cfg.Scheme.HasNonce() {
		nonce, err := t.cfg.Nonce()
		if err != nil {
			return nil, claims.Time, fmt.Errorf("make a nonce: %w", err)
		}
		claims.Nonce = nonce
	}
	body, err := t.sign(out, body, claims)
	if err != nil {
		return nil, claims.Time, fmt.Errorf("sign the request: %w", err)
	}
	if err := body.attach(out); err != nil {
		return nil, claims.Time, err
	}
	resp, err := t.cfg.Base.RoundTrip(out)
	return resp, claims.Time, err
}

// sign signs what net/http will write, the target that URL.RequestURI gives and the host, and puts the signature into out. The
// body that it returns is the one to send: a few profiles write into it.
func (t *Transport) sign(out *http.Request, body source, claims scheme.Claims) (source, error) {
	for _, name := range t.cfg.Scheme.Headers() {
		out.Header.Del(name) // the caller's own would come twice, or be signed instead of ours
	}
	r := &scheme.Request{Method: out.Method, Target: out.URL.RequestURI(), Scheme: out.URL.Scheme, Host: hostOf(out),
		Header: signedHeader(out, body, t.cfg.Scheme), Vars: t.cfg.Vars}
	fields, err := t.fields(r, body, claims)
	if err != nil {
		return body, err
	}
	elsewhere := false
	for _, f := range fields {
		if f.In == scheme.InHeader {
			out.Header.Set(f.Name, f.Value)
		} else {
			elsewhere = true
		}
	}
	if !elsewhere {
		return body, nil
	}
	signed, err := scheme.Apply(r, fields)
	if err != nil {
		return body, err
	}
	return heldSource(signed.Body), setTarget(out, signed.Target)
}

func (t *Transport) fields(r *scheme.Request, body source, claims scheme.Claims) ([]scheme.Field, error) {
	if body.held {
		r.Body = body.whole
		return t.cfg.Scheme.Sign(&t.key, r, claims)
	}
	stream, err := body.open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	defer stream.Close()
	return t.cfg.Scheme.SignReader(&t.key, r, stream, claims)
}

// setTarget gives out the target that was signed, byte for byte.
func setTarget(out *http.Request, target string) error {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return fmt.Errorf("the signed target cannot be sent: %w", err)
	}
	u.Scheme, u.Host = out.URL.Scheme, out.URL.Host
	if u.RequestURI() != target {
		return errors.New("the signed target cannot be sent byte for byte")
	}
	out.URL = u
	return nil
}

// signedHeader is the header as it will be on the wire: net/http writes some fields from elsewhere.
func signedHeader(out *http.Request, body source, s *scheme.Scheme) map[string][]string {
	signed := s.SignedHeaders()
	if !slices.Contains(signed, "Host") && !slices.Contains(signed, "Content-Length") {
		return out.Header
	}
	h := out.Header.Clone()
	h.Set("Host", hostOf(out))
	if body.length > 0 || body.open == nil && (out.Method == http.MethodPost || out.Method == http.MethodPut || out.Method == http.MethodPatch) {
		h.Set("Content-Length", strconv.FormatInt(body.length, 10))
	}
	return h
}

// hostOf is what goes into Host or :authority.
func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// pause says whether a request may be sent again after its answer, and when.
func (t *Transport) pause(req *http.Request, resp *http.Response) (time.Duration, bool) {
	safe := req.Method == "" || req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == http.MethodOptions
	if t.cfg.Retries == 0 || !safe || resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 || time.Duration(seconds) > t.cfg.MaxWait/time.Second {
		return 0, false
	}
	return time.Duration(seconds) * time.Second, true
}

// wait sleeps until d is over or ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
