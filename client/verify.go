package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"countersign.dev/scheme"
)

// VerifyConfig says whose signatures a handler admits: webhooks of a vendor, or calls of partners.
type VerifyConfig struct {
	// Scheme is the compiled profile. Required.
	Scheme *scheme.Scheme
	// Secrets returns the secrets that count for a key id, the newest first: during a rotation there are two. keyID is empty
	// where the profile names no key. None refuses, an error answers 503. The secrets are not kept. Required.
	Secrets func(ctx context.Context, keyID string) ([][]byte, error)
	// Window is the time window; 0: the profile's.
	Window time.Duration
	// MaxBody is the longest body; 0: 1 MiB. It is held in memory until the handler is done.
	MaxBody int64
	// Replay remembers requests, so that one that was captured cannot be sent again. Nil: it can, within the window.
	Replay interface {
		// Claim reports whether key is seen for the first time, and remembers it until expires (Unix seconds).
		Claim(ctx context.Context, key [32]byte, expires int64) (fresh bool, err error)
	}
	// PublicScheme and PublicHost are those of the URL as the sender knows it, for profiles that sign them. Empty: https, and
	// the request's Host.
	PublicScheme, PublicHost string
	// Vars and Parts are what the profile asks for, as in Config.
	Vars  map[string]string
	Parts map[string][]byte
	// Refused hears of every refusal; the sender is told nothing but 401. Nil: nobody hears. It must not block.
	Refused func(r *http.Request, cause error)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Errors that Refused may be given beside a *scheme.Fault.
var (
	ErrUnknownKey = errors.New("no secret for this key id")
	ErrTooLong    = errors.New("the body is longer than MaxBody")
	ErrReplayed   = errors.New("an equal request was seen before")
)

type keyIDKey struct{}

// KeyID is the key id that Verify proved for the request of this context; empty where the profile names no key.
func KeyID(ctx context.Context) string {
	id, _ := ctx.Value(keyIDKey{}).(string)
	return id
}

// Verify makes a middleware: the handler behind it sees only requests with a good signature, with their body as it was
// verified. All others get 401 without a reason, 413 for a body that is too long, 400 for one that broke off, or 503 where Secrets
// or Replay fail.
func Verify(cfg VerifyConfig) (func(http.Handler) http.Handler, error) {
	if cfg.Scheme == nil || cfg.Secrets == nil || cfg.MaxBody < 0 || cfg.Window < 0 {
		return nil, errors.New("client: Scheme and Secrets must be set, and nothing negative")
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.PublicScheme == "" {
		cfg.PublicScheme = "https"
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { cfg.serve(w, r, next) })
	}, nil
}

func (c *VerifyConfig) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	keyID, body, err := c.admit(w, r)
	if err == nil {
		verified := r.WithContext(context.WithValue(r.Context(), keyIDKey{}, keyID))
		verified.Body, verified.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		next.ServeHTTP(w, verified)
		return
	}
	if c.Refused != nil {
		c.Refused(r, err)
	}
	status := http.StatusUnauthorized
	switch fault := (*scheme.Fault)(nil); {
	case errors.Is(err, ErrTooLong):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrBody):
		status = http.StatusBadRequest
	case errors.Is(err, ErrUnknownKey), errors.Is(err, ErrReplayed), errors.As(err, &fault):
	default:
		status = http.StatusServiceUnavailable
	}
	http.Error(w, http.StatusText(status), status)
}

// admit proves a request. What can be refused before the body is read, is; the time is looked at again behind a slow body.
func (c *VerifyConfig) admit(w http.ResponseWriter, r *http.Request) (string, []byte, error) {
	request := scheme.Request{Method: r.Method, Target: r.RequestURI, Scheme: c.PublicScheme, Host: c.PublicHost, Header: r.Header, Vars: c.Vars}
	if request.Host == "" {
		request.Host = r.Host
	}
	var p scheme.Presented
	if fault := c.Scheme.Parse(&request, &p); fault != nil {
		return "", nil, fault
	}
	if !c.Scheme.InBody() {
		if fault := c.Scheme.Fresh(&p, c.Now(), c.Window); fault != nil {
			return "", nil, fault
		}
	}
	var err error
	if request.Body, err = c.read(w, r); err != nil {
		return "", nil, err
	}
	if fault := c.Scheme.ParseBody(&request, &p); fault != nil {
		return "", nil, fault
	}
	if fault := c.Scheme.Fresh(&p, c.Now(), c.Window); fault != nil {
		return "", nil, fault
	}
	var digest [32]byte
	if err := c.match(r.Context(), &request, &p, &digest); err != nil {
		return "", nil, err
	}
	if c.Replay != nil {
		fresh, err := c.Replay.Claim(r.Context(), digest, c.Scheme.Expires(&p, c.Window))
		if err != nil {
			return "", nil, fmt.Errorf("remember the request: %w", err)
		}
		if !fresh {
			return "", nil, ErrReplayed
		}
	}
	return p.KeyID, request.Body, nil
}

func (c *VerifyConfig) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > c.MaxBody {
		return nil, ErrTooLong
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, c.MaxBody))
	if long := (*http.MaxBytesError)(nil); errors.As(err, &long) {
		return nil, ErrTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return body, nil
}

// match tries every secret that counts for the key id.
func (c *VerifyConfig) match(ctx context.Context, r *scheme.Request, p *scheme.Presented, digest *[32]byte) error {
	secrets, err := c.Secrets(ctx, p.KeyID)
	if err != nil {
		return fmt.Errorf("find the secret: %w", err)
	}
	if len(secrets) == 0 {
		return ErrUnknownKey
	}
	keys := make([]*scheme.Key, len(secrets))
	for i, secret := range secrets {
		key, err := c.Scheme.NewKeyParts(secret, c.Parts)
		if err != nil {
			return fmt.Errorf("use the secret: %w", err)
		}
		keys[i] = &key
	}
	if _, fault := c.Scheme.VerifyAny(keys, r, p, digest); fault != nil {
		return fault
	}
	return nil
}
