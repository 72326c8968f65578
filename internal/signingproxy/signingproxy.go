// Package signingproxy is the handler behind `countersign signing-proxy`: it takes plain requests from programs of this
// machine and sends them, signed, to one API.
//
// It owns: the translation of a request that came into one that goes out, with the same method, target and body, and of the
// answer back. It refuses: requests that a browser sends, whatever page it shows; a Host that is not this machine, which is how
// a page's name is bound to an address here; targets that could not be sent as they came; hosts that are not allowed; and
// anybody without the word, where one is asked for.
//
// The attacks it answers: a web page, or another user of the machine, that uses somebody else's credentials through it.
package signingproxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/client"
)

// TokenHeader carries the word that callers must send where Config.Token is set.
const TokenHeader = "Countersign-Proxy-Token"

// Config says where requests go. All fields but Token and Remote must be set.
type Config struct {
	Base      *url.URL          // scheme and host of the API
	Transport http.RoundTripper // signs and sends; it refuses hosts that get no credentials with client.ErrHost
	Log       *slog.Logger      // one line a request: method, path, status, duration
	MaxBody   int64             // bytes of a request's body
	Token     []byte            // the word; empty: none is asked for
	Remote    bool              // any Host is taken, because the proxy is meant to be reached from elsewhere
}

// Proxy is the handler. Safe for concurrent use.
type Proxy struct {
	cfg     Config
	token   [32]byte
	buffers sync.Pool // what answers are copied through
}

// New checks cfg.
func New(cfg Config) (*Proxy, error) {
	if cfg.Base == nil || cfg.Transport == nil || cfg.Log == nil || cfg.MaxBody <= 0 {
		return nil, errors.New("signing proxy: Base, Transport, Log and MaxBody must be set")
	}
	if cfg.Remote && len(cfg.Token) == 0 {
		return nil, errors.New("signing proxy: Remote needs Token")
	}
	p := &Proxy{cfg: cfg, token: sha256.Sum256(cfg.Token)}
	p.buffers.New = func() any { b := make([]byte, 32<<10); return &b }
	return p, nil
}

// ServeHTTP serves one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	status := p.serve(w, r)
	p.cfg.Log.Info("request", "method", short(r.Method), "path", short(r.URL.Path), "status", status, "ms", time.Since(start).Milliseconds())
}

// short caps what a caller wrote, for the log.
func short(s string) string { return s[:min(len(s), 200)] }

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) int {
	if why, status := p.refuse(r); why != "" {
		return refuse(w, status, why)
	}
	out, why := p.outgoing(r)
	if why != "" {
		return refuse(w, http.StatusBadRequest, why)
	}
	out.Body = http.MaxBytesReader(w, r.Body, p.cfg.MaxBody)
	if r.ContentLength == 0 {
		out.Body = nil
	}
	resp, err := p.cfg.Transport.RoundTrip(out)
	if err != nil {
		return refuse(w, statusOf(err), err.Error())
	}
	defer resp.Body.Close()
	return p.relay(w, resp)
}

// refuse says why a request does not go on; empty: it does.
func (p *Proxy) refuse(r *http.Request) (why string, status int) {
	token := sha256.Sum256([]byte(r.Header.Get(TokenHeader)))
	switch {
	case r.Method == http.MethodConnect || r.Header.Get("Upgrade") != "":
		return "tunnels and upgrades cannot be signed; use http:// URLs with this proxy, which sends them over TLS", http.StatusMethodNotAllowed
	case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
		return "requests of browsers are not signed", http.StatusForbidden
	case !p.cfg.Remote && !r.URL.IsAbs() && !local(r.Host):
		return "the Host is not this machine", http.StatusForbidden
	case len(p.cfg.Token) > 0 && !hmac.Equal(token[:], p.token[:]):
		return "the header " + TokenHeader + " is missing or wrong", http.StatusUnauthorized
	}
	return "", 0
}

func local(host string) bool {
	u := url.URL{Host: host}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// hopByHop are the fields that are about a connection (RFC 9110 §7.6.1), and those that are for this proxy alone.
var hopByHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", TokenHeader}

// outgoing is the request that goes out, without its body; why says what is in the way.
func (p *Proxy) outgoing(r *http.Request) (out *http.Request, why string) {
	target, host := r.RequestURI, p.cfg.Base.Host
	if r.URL.IsAbs() {
		if r.URL.Scheme != "http" || r.URL.User != nil {
			return nil, "a proxy request must be for an http:// URL"
		}
		host = r.URL.Host
		target = strings.TrimPrefix(target[len("http://"):], host)
		if !strings.HasPrefix(target, "/") {
			return nil, "the URL has no path"
		}
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, "the target cannot be read"
	}
	u.Scheme, u.Host = p.cfg.Base.Scheme, host
	if u.RequestURI() != target {
		return nil, "the target could not be sent byte for byte as it came: escape what is not plain ASCII"
	}
	out = (&http.Request{Method: r.Method, URL: u, Header: r.Header.Clone(), ContentLength: r.ContentLength}).WithContext(r.Context())
	drop(out.Header)
	if out.Header.Get("User-Agent") == "" {
		out.Header["User-Agent"] = nil // net/http would set its own
	}
	return out, ""
}

// drop removes what belongs to the connection.
func drop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		h.Del(name)
	}
}

// statusOf is the answer to a request that could not be sent, or that got no answer.
func statusOf(err error) int {
	tooLong := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, client.ErrHost):
		return http.StatusForbidden
	case errors.Is(err, client.ErrBody):
		return http.StatusBadRequest
	}
	return http.StatusBadGateway
}

// relay sends the answer on as it arrives. One that breaks off ends the connection, so that nobody takes it for whole.
func (p *Proxy) relay(w http.ResponseWriter, resp *http.Response) int {
	drop(resp.Header)
	for name, values := range resp.Header {
		w.Header()[name] = slices.Clone(values)
	}
	w.WriteHeader(resp.StatusCode)
	flush := http.NewResponseController(w)
	buffer := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(buffer)
	for left := resp.ContentLength; ; {
		n, err := resp.Body.Read(*buffer)
		if n > 0 {
			if _, failed := w.Write((*buffer)[:n]); failed != nil {
				return resp.StatusCode
			}
			if left -= int64(n); left != 0 { // the end flushes by itself
				_ = flush.Flush()
			}
		}
		if errors.Is(err, io.EOF) {
			return resp.StatusCode
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func refuse(w http.ResponseWriter, status int, why string) int {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintf(w, "countersign signing-proxy: %s\n", why)
	return status
}
