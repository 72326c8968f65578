package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Config describes one upstream. Durations and counts of zero take the default
// that stands beside them; negative ones are errors.
type Config struct {
	// URL is scheme and host of the upstream, http or https, without path,
	// query, fragment or user. Required.
	URL *url.URL

	// Timeout bounds the wait from the last byte of the request to the end of
	// the answer's head, interim answers included. With a body of 64 KiB or
	// more, sending and waiting have WriteTimeout and Timeout together. Less
	// than 25 ms acts like 25 ms. Default 30 s.
	Timeout time.Duration
	// DialTimeout bounds the making of a connection, its TLS handshake
	// included. Default 5 s.
	DialTimeout time.Duration
	// WriteTimeout bounds the sending of one request. Default 30 s.
	WriteTimeout time.Duration
	// BodyTimeout bounds the silence within an answer's body. Default 60 s.
	BodyTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. Default 60 s. It
	// should be shorter than the upstream's own.
	IdleTimeout time.Duration

	// MaxConns bounds the connections, in use and idle; over TLS, where one
	// connection may carry many, it bounds the running requests. One more waits
	// for its turn. Default 512.
	MaxConns int
	// QueueTimeout bounds the wait for one of them; then the request is
	// ErrOverloaded. The one that has waited longest is next. Default 1 s.
	QueueTimeout time.Duration
	// MaxWaiting bounds the requests that wait; one more is ErrOverloaded at
	// once. Default 1024.
	MaxWaiting int
	// MaxIdle bounds the idle ones among them. Default MaxConns: fewer mean
	// that a load of more requests at a time closes and makes connections all
	// the time. IdleTimeout ends those that are not needed any more.
	MaxIdle int
	// MaxHeaderBytes bounds the head of one answer. Default 64 KiB, at most
	// 16 MiB.
	MaxHeaderBytes int
	// MaxHeaderLines bounds its field lines. Default 100.
	MaxHeaderLines int

	// Dial makes a TCP connection; nil: net.Dialer. The lean client reuses only
	// a *net.TCPConn, because it must be able to see whether a connection that
	// it takes up again is silent and open; any other serves one request.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is for https upstreams; nil: the system's roots, TLS 1.2 or higher.
	// It is cloned.
	TLS *tls.Config
	// Standard uses the standard transport for an http upstream, too.
	Standard bool
	// Clock tells how long a connection has been idle; nil: time.Now. Deadlines
	// of reads and writes follow the machine's clock, as sockets do.
	Clock func() time.Time
}

// New makes the client for one upstream: the lean one for http, the standard
// transport for https or if Standard is set. It does no I/O. An error says which
// field of Config is missing or out of bounds.
func New(cfg Config) (Doer, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("upstream client: %w", err)
	}
	if cfg.URL.Scheme == "https" || cfg.Standard {
		return newStandard(cfg), nil
	}
	return newLean(cfg), nil
}

// complete checks what was given and fills in what was not.
func (c *Config) complete() error {
	if err := checkURL(c.URL); err != nil {
		return err
	}
	durations := []bound[time.Duration]{
		{&c.Timeout, 30 * time.Second, "Timeout"},
		{&c.DialTimeout, 5 * time.Second, "DialTimeout"},
		{&c.WriteTimeout, 30 * time.Second, "WriteTimeout"},
		{&c.BodyTimeout, 60 * time.Second, "BodyTimeout"},
		{&c.IdleTimeout, 60 * time.Second, "IdleTimeout"},
		{&c.QueueTimeout, time.Second, "QueueTimeout"},
	}
	counts := []bound[int]{
		{&c.MaxConns, 512, "MaxConns"},
		{&c.MaxWaiting, 1024, "MaxWaiting"},
		{&c.MaxHeaderBytes, 64 << 10, "MaxHeaderBytes"},
		{&c.MaxHeaderLines, 100, "MaxHeaderLines"},
	}
	if err := errors.Join(fillAll(durations), fillAll(counts)); err != nil {
		return err
	}
	if err := fillAll([]bound[int]{{&c.MaxIdle, c.MaxConns, "MaxIdle"}}); err != nil {
		return err
	}
	if c.MaxHeaderBytes > 16<<20 {
		return errors.New("MaxHeaderBytes is over 16 MiB")
	}
	c.MaxIdle = min(c.MaxIdle, c.MaxConns)
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return nil
}

func checkURL(u *url.URL) error {
	switch {
	case u == nil:
		return errors.New("URL is missing")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("URL must be http or https")
	case u.Hostname() == "":
		return errors.New("URL has no host")
	case u.User != nil:
		return errors.New("URL must not hold a user")
	case u.Opaque != "", u.Path != "", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return errors.New("URL must be scheme and host only")
	case !validHost(u.Host):
		return errors.New("URL has an invalid host")
	}
	return nil
}

type bound[T int | time.Duration] struct {
	value    *T
	standard T
	name     string
}

func fillAll[T int | time.Duration](all []bound[T]) error {
	for _, b := range all {
		if *b.value < 0 {
			return fmt.Errorf("%s is negative", b.name)
		}
		if *b.value == 0 {
			*b.value = b.standard
		}
	}
	return nil
}

// address is where to dial: the host with the port of the scheme unless one is
// given.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
