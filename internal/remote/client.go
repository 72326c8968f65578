package remote

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign.dev/api"
)

// MaxWait is how long one change waits for the nodes; longer waiting asks for them again.
const MaxWait = 30 * time.Second

// Config says what New needs.
type Config struct {
	Server string         // base of the plane: "https://HOST[:PORT]", or http to this machine; required
	Token  string         // bearer token; empty: nobody, for signing in
	Roots  *x509.CertPool // authorities that vouch for the server; nil: the system's
	Agent  string         // what the server's log shows as the program; empty: Go's

	// Transport carries the requests instead of the network: a handler in this very process, or a test's. nil: TLS 1.2 or higher.
	Transport http.RoundTripper
}

// Client is a server's register, as one principal sees it. Safe for concurrent use. It holds idle connections: whoever made it
// closes it. It remembers the ETag of everything that it has read, and what it replaces or removes is that very state.
type Client struct {
	API *api.Client // the contract, with token, idempotency keys and bounds; its answers go through Value

	base  string
	token string
	agent string
	http  *http.Client

	mu       sync.Mutex
	etags    map[string]string // by row identity, or by the path of what has none
	revision uint64            // the highest that a change was answered with
	nodes    []Node            // what the last change was answered with
	wait     time.Duration
	reason   string
}

var errToken = errors.New("not a token: 16 to 1024 visible ASCII characters on one line")

// CheckToken refuses what cannot be a bearer token, before it is sent anywhere. The error does not repeat it.
func CheckToken(token string) error {
	if len(token) < 16 || len(token) > 1024 || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errToken
	}
	return nil
}

// New returns a Client, or an error that names the missing or impossible field. Nothing is sent.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Server)
	if err != nil || base.Host == "" || base.User != nil || base.Path != "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("remote: Server is not the base of an HTTP server")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, errors.New("remote: Server is neither https nor this machine")
	}
	if cfg.Token != "" {
		if err := CheckToken(cfg.Token); err != nil {
			return nil, err
		}
	}
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots},
			TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: 64 << 10,
		}
	}
	c := &Client{base: cfg.Server, token: cfg.Token, agent: cfg.Agent, etags: map[string]string{}}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.API, err = api.New(api.Config{Server: cfg.Server, HTTP: watched{c}, Sign: c.sign})
	return c, err
}

// sign says who asks, and gives every change a key of its own: where its answer gets lost, nobody makes it twice.
func (c *Client) sign(r *http.Request) error {
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.agent != "" {
		r.Header.Set("User-Agent", c.agent)
	}
	if r.Method == http.MethodGet {
		return nil
	}
	if r.Method == http.MethodPost {
		r.Header.Set("Idempotency-Key", rand.Text())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wait > 0 {
		r.Header.Set("Prefer", "wait="+strconv.Itoa(max(1, int(c.wait/time.Second))))
	}
	return nil
}

// Wait has every change wait up to d, at most MaxWait, until all nodes decide by it; zero: none waits.
func (c *Client) Wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wait = min(d, MaxWait)
}

// Because gives the changes that follow a reason, where the method that makes one takes none of its own: a partner, a credential or
// its secret, a network rule, a limit. A proposal keeps it, for whoever decides on it.
func (c *Client) Because(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason = reason
}

func (c *Client) because() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// Server is the base that the client speaks to.
func (c *Client) Server() string { return c.base }

// Close drops idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// saw notes the ETag of a row.
func (c *Client) saw(row, tag string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tag == "" {
		delete(c.etags, row)
		return
	}
	c.etags[row] = Quoted(tag)
}

// Quoted is an ETag as header fields have it (RFC 9110 §8.8.3); the bodies have it with or without its quotation marks.
func Quoted(tag string) string {
	if strings.HasPrefix(tag, `"`) || strings.HasPrefix(tag, `W/"`) {
		return tag
	}
	return `"` + tag + `"`
}

// Match is the ETag of a row as it was last read, for If-Match; a row that was never read is read now, with get.
func (c *Client) Match(ctx context.Context, row string, get func(context.Context) (string, error)) (string, error) {
	c.mu.Lock()
	tag := c.etags[row]
	c.mu.Unlock()
	if tag != "" {
		return tag, nil
	}
	tag, err := get(ctx)
	if err == nil && tag == "" {
		err = ErrAnswer
	}
	if err != nil {
		return "", err
	}
	c.saw(row, tag)
	return Quoted(tag), nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
