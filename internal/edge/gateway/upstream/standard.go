package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"countersign.dev/internal/edge/gateway/fields"
)

// standard holds the standard transport to the contract of Doer: HTTP/1.1 or 2,
// over TLS.
type standard struct {
	cfg       Config
	transport *http.Transport
	queue     *queue
	closed    atomic.Bool
}

func newStandard(cfg Config) *standard {
	return &standard{cfg: cfg, queue: newQueue(cfg), transport: newTransport(cfg)}
}

// newTransport switches off what the standard transport does on its own:
// proxies from the environment, Accept-Encoding and decompression.
func newTransport(cfg Config) *http.Transport {
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			timed, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
			defer cancel()
			return cfg.Dial(timed, network, addr)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    cfg.DialTimeout,
		DisableCompression:     true,
		MaxIdleConns:           cfg.MaxIdle,
		MaxIdleConnsPerHost:    cfg.MaxIdle,
		IdleConnTimeout:        cfg.IdleTimeout,
		ResponseHeaderTimeout:  cfg.Timeout,
		MaxResponseHeaderBytes: int64(cfg.MaxHeaderBytes),
		ForceAttemptHTTP2:      true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: cfg.IdleTimeout, PingTimeout: cfg.DialTimeout, WriteByteTimeout: cfg.WriteTimeout,
		},
	}
	if cfg.TLS != nil {
		t.TLSClientConfig = cfg.TLS.Clone()
	}
	return t
}

// Close closes idle connections; see Doer.
func (s *standard) Close() error {
	s.closed.Store(true)
	s.queue.close()
	s.transport.CloseIdleConnections()
	return nil
}

// Do sends r and reads the head of its answer; see Doer. It differs from the
// lean client where the standard transport leaves no choice: POST, PUT and
// PATCH always carry a Content-Length, an empty GET or HEAD never does, and the
// framing of HTTP/1.1 answers is judged as leniently as net/http does.
func (s *standard) Do(ctx context.Context, r *Request, resp *Response) error {
	resp.reset()
	if err := s.admit(ctx, r); err != nil {
		return err
	}
	e := s.begin(ctx)
	res, err := s.roundTrip(e, r)
	if err == nil {
		err = s.checkAnswer(res)
	}
	if err != nil {
		err = e.classify(err)
		e.abandon(res)
		return err
	}
	e.timer.Stop() // from here on every read of the body has its own time
	dropHops(res.Header)
	resp.Status, resp.Header = res.StatusCode, fields.Of(res.Header)
	resp.ContentLength = contentLength(res)
	if res.Body == http.NoBody {
		e.end()
		return nil
	}
	e.body = res.Body
	resp.Body = e
	return nil
}

// admit checks the request and takes a place for it.
func (s *standard) admit(ctx context.Context, r *Request) error {
	if err := r.checkLine(); err != nil {
		return err
	}
	if err := checkFields(r.Header); err != nil {
		return err
	}
	return s.queue.enter(ctx)
}

func (s *standard) roundTrip(e *remote, r *Request) (*http.Response, error) {
	u, err := targetURL(s.cfg.URL, r.Target)
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: r.Method, URL: u, Host: r.Host, Header: outgoing(r),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(r.Body)),
	}
	if len(r.Body) > 0 {
		e.loan, req.GetBody = lend(r.Body)
		req.Body, _ = req.GetBody()
	} else if r.HasLength {
		req.Body, req.TransferEncoding = http.NoBody, []string{"identity"} // asks for "Content-Length: 0"
	}
	return s.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(e.ctx, e.trace())))
}

// targetURL makes a URL whose RequestURI is target, byte for byte, or refuses.
// An opaque URL is written as it is, except that one beginning with "//" would
// get the scheme in front; that one is spelt as a path.
func targetURL(base *url.URL, target string) (*url.URL, error) {
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Opaque: target}
	if strings.HasPrefix(target, "//") {
		var query bool
		u.Opaque = ""
		u.RawPath, u.RawQuery, query = strings.Cut(target, "?")
		u.ForceQuery = query
		u.Path, _ = url.PathUnescape(u.RawPath)
	}
	if u.RequestURI() != target {
		return nil, fail(ErrInvalidRequest, "target cannot be sent unchanged", nil)
	}
	return u, nil
}

// outgoing is the header as the transport must see it: an empty User-Agent, or
// it would add its own; and with an unsafe method no key by which it would take
// the request for one that may be sent twice (the name is sent all the same, in
// lower case). It is a copy, since the transport may still read it when it has
// failed.
func outgoing(r *Request) http.Header {
	h := make(http.Header, len(r.Header)+1)
	for _, f := range r.Header {
		name := f.Name
		if notForwarded(name) {
			continue
		}
		if !safe(r.Method) && strings.HasSuffix(name, "Idempotency-Key") {
			name = strings.ToLower(name)
		}
		h[name] = append(h[name], f.Value)
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil
	}
	return h
}

// checkAnswer refuses what the transport lets through and the lean client does
// not.
func (s *standard) checkAnswer(res *http.Response) error {
	if res.StatusCode < 200 || res.StatusCode > 599 {
		return invalid("status code")
	}
	lines := 0
	for name, values := range res.Header {
		lines += len(values)
		if !validName(name) {
			return invalid("header name")
		}
		for _, value := range values {
			if !all(value, isValue) {
				return invalid("byte in header value")
			}
		}
	}
	if lines > s.cfg.MaxHeaderLines {
		return invalid("too many header lines")
	}
	return nil
}

func contentLength(res *http.Response) int64 {
	if res.Request.Method == http.MethodHead || res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified {
		return 0
	}
	return res.ContentLength
}

// begin starts the clock over everything up to the answer's head; the
// transport's own timeouts cover only parts of it.
func (s *standard) begin(ctx context.Context) *remote {
	e := &remote{s: s, caller: ctx}
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	e.timer = time.AfterFunc(s.cfg.DialTimeout+s.cfg.WriteTimeout+s.cfg.Timeout, func() { e.cancel(errSilent) })
	return e
}

var errSilent = errors.New("upstream silent")
