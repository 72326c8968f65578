package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// DefaultRenewAfter is the age at which a token is renewed: the vendor's clients do so after 90 minutes of its two hours.
const DefaultRenewAfter = 90 * time.Minute

// The header names of the app token protocol (seed: Accessing the API).
const (
	DefaultKeyHeader   = "Finicity-App-Key"
	DefaultTokenHeader = "Finicity-App-Token"
)

// ErrRefused is wrapped when the server does not take the partner id, the secret or the app key. The secret is not sent again
// until Reset or ChangeSecret: five wrong ones in a row lock a partner, and only the provider unlocks it.
var ErrRefused = errors.New("the server does not take these credentials")

// ErrExchange is wrapped when no token could be had for another reason. It is tried again, with growing pauses.
var ErrExchange = errors.New("no access token")

// TokenConfig says how access tokens are got and kept fresh.
type TokenConfig struct {
	// Endpoint is the URL of Partner Authentication, such as https://HOST/aggregation/v2/partners/authentication. Required.
	Endpoint string
	// AppKey and PartnerID are required, and so is Secret: the partner secret. It is copied, and wiped by Close.
	AppKey, PartnerID string
	Secret            []byte
	// XML speaks XML to the endpoint; false: JSON.
	XML bool
	// Hosts lists who gets the app key and tokens, as Config.Hosts. Nil: the host of Endpoint alone.
	Hosts []string
	// Base sends requests. Nil: a copy of http.DefaultTransport.
	Base http.RoundTripper
	// Plain allows http:// beyond this machine, as Config.Plain.
	Plain bool
	// RenewAfter is the age at which a token is renewed. 0: DefaultRenewAfter.
	RenewAfter time.Duration
	// MaxBody is how many bytes of a body are held, so that the request can be sent again with a new token. 0: DefaultMaxBody.
	MaxBody int64
	// KeyHeader and TokenHeader: empty means the vendor's names.
	KeyHeader, TokenHeader string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// TokenTransport adds app key and access token to every request, and gets a new token when the old one has its age, or when
// the server says once that it does not know it (codes 10022 and 10023). Safe for concurrent use: however many requests wait,
// there is one exchange at a time. Close wipes the secret.
type TokenTransport struct {
	cfg      TokenConfig
	endpoint *url.URL
	allowed  allowed

	mu     sync.Mutex
	secret []byte
	held   token
	flight *flight   // the exchange that is under way; nil: none
	failed error     // of the last exchange; nil: it went well
	retry  time.Time // when the next exchange may begin after one that failed
	pause  time.Duration
}

// token is an access token and when it was got. The zero value is none.
type token struct {
	text string
	at   time.Time
}

// flight is one exchange that several requests wait for.
type flight struct {
	done chan struct{} // closed when token and err are set
	token
	err error
}

// NewToken checks cfg and returns a TokenTransport. It sends nothing yet.
func NewToken(cfg TokenConfig) (*TokenTransport, error) {
	u, err := url.Parse(cfg.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, errors.New("client: Endpoint must be a URL with host and path and nothing else")
	case cfg.AppKey == "" || cfg.PartnerID == "" || len(cfg.Secret) == 0:
		return nil, errors.New("client: AppKey, PartnerID and Secret must be set")
	case cfg.RenewAfter < 0 || cfg.MaxBody < 0:
		return nil, errors.New("client: nothing is negative")
	}
	if cfg.Hosts == nil {
		cfg.Hosts = []string{authority(u)}
	}
	a, err := newAllowed(cfg.Hosts, cfg.Plain)
	if err != nil {
		return nil, err
	}
	if err := a.check(u); err != nil {
		return nil, fmt.Errorf("client: Endpoint: %w", err)
	}
	t := &TokenTransport{endpoint: u, allowed: a, secret: append([]byte(nil), cfg.Secret...)}
	cfg.Secret = nil
	cfg.fill()
	t.cfg = cfg
	return t, nil
}

func (c *TokenConfig) fill() {
	if c.Base == nil {
		c.Base = http.DefaultTransport.(*http.Transport).Clone()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.RenewAfter == 0 {
		c.RenewAfter = DefaultRenewAfter
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.KeyHeader == "" {
		c.KeyHeader = DefaultKeyHeader
	}
	if c.TokenHeader == "" {
		c.TokenHeader = DefaultTokenHeader
	}
}

// Close wipes the secret and forgets the token. Requests afterwards fail with ErrExchange. It never fails.
func (t *TokenTransport) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.secret)
	t.secret, t.held = nil, token{}
	return nil
}

// Reset lets the secret be sent again after ErrRefused, and forgets the token.
func (t *TokenTransport) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held, t.failed, t.retry, t.pause = token{}, nil, time.Time{}, 0
}

// RoundTrip sends a copy of req with app key and token (http.RoundTripper). It is sent a second time only where the server
// refused the token itself, and then with another one. Errors wrap ErrHost, ErrBody, ErrRefused and ErrExchange, where req was
// not sent, or are those of Base.
func (t *TokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.allowed.check(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	body, err := rewindable(req, false, t.cfg.MaxBody)
	if err != nil {
		return nil, err
	}
	held, err := t.token(req.Context(), "")
	if err != nil {
		return nil, err
	}
	resp, err := t.send(req, body, held)
	if err != nil || !refusesToken(resp) {
		return resp, err
	}
	fresh, err := t.token(req.Context(), held)
	if err != nil {
		discard(resp)
		return nil, err
	}
	discard(resp)
	return t.send(req, body, fresh)
}

func (t *TokenTransport) send(req *http.Request, body source, accessToken string) (*http.Response, error) {
	out := req.Clone(req.Context())
	if out.Header == nil {
		out.Header = http.Header{}
	}
	out.Header.Set(t.cfg.KeyHeader, t.cfg.AppKey)
	out.Header.Set(t.cfg.TokenHeader, accessToken)
	if err := body.attach(out); err != nil {
		return nil, err
	}
	return t.cfg.Base.RoundTrip(out)
}

// token returns a token that is not too old and not the one that was refused. One goroutine exchanges, the others wait for it.
func (t *TokenTransport) token(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	if refused != "" && t.held.text == refused {
		t.held = token{}
	}
	if text, err, known := t.known(); known {
		t.mu.Unlock()
		return text, err
	}
	f := t.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		t.flight = f
		go t.fly(context.WithoutCancel(ctx), f) // the others still need it when this caller leaves
	}
	old := t.held.text
	t.mu.Unlock()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-f.done:
	}
	if f.err != nil && old != "" && !errors.Is(f.err, ErrRefused) {
		return old, nil // old, but the server has not said that it ended
	}
	return f.text, f.err
}

// known is the token, or the error, that needs no exchange.
func (t *TokenTransport) known() (text string, err error, known bool) {
	now := t.cfg.Now()
	switch {
	case t.secret == nil:
		return "", fmt.Errorf("%w: the transport is closed", ErrExchange), true
	case t.held.text != "" && now.Sub(t.held.at).Abs() < t.cfg.RenewAfter:
		return t.held.text, nil, true
	case t.failed == nil:
		return "", nil, false
	case errors.Is(t.failed, ErrRefused):
		return "", t.failed, true
	case now.Before(t.retry) && t.retry.Sub(now) <= maxPause:
		return t.held.text, errUnless(t.held.text != "", t.failed), true
	}
	return "", nil, false
}

func errUnless(fine bool, err error) error {
	if fine {
		return nil
	}
	return err
}

const (
	minPause = time.Second // before an exchange is tried again; doubles
	maxPause = time.Minute
)

// fly exchanges once and tells everybody who waits.
func (t *TokenTransport) fly(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	t.mu.Lock()
	secret := append([]byte(nil), t.secret...)
	t.mu.Unlock()
	defer clear(secret)
	text, after, err := t.exchange(ctx, secret)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	f.token, f.err = token{text, now}, err
	if t.flight = nil; err == nil && t.secret != nil {
		t.held, t.pause = f.token, 0
	}
	if t.failed = err; err != nil {
		t.pause = min(max(2*t.pause, minPause, after), maxPause)
		t.retry = now.Add(t.pause)
	}
	close(f.done)
}
