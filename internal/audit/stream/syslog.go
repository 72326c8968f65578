package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

// ExampleEnterprise is the private enterprise number of the structured data unless another is set: the one that is set aside
// for documentation (RFC 5612). The project has no number of its own.
const ExampleEnterprise = 32473

// SyslogConfig says where a syslog server is and how it is known.
type SyslogConfig struct {
	Address    string        // host:port; required. RFC 5425 has port 6514
	TLS        *tls.Config   // whose certificate is trusted, and one of our own if the server asks; nil: the system's roots. Never less than TLS 1.2, and the certificate is always checked
	Plain      bool          // no TLS: refused unless Address is a loopback address
	PlainFar   bool          // with Plain: to any address; whoever is on the way reads and changes everything
	Enterprise uint32        // private enterprise number; 0: ExampleEnterprise
	Host       string        // HOSTNAME; empty: the machine's name
	Patience   time.Duration // for connecting, for one write and for the answer to the end of a connection; 0: 10 seconds
	Settle     time.Duration // how long Confirm listens before it ends the connection; more than a round trip; 0: 1 second
}

// Syslog sends messages to a syslog server (RFC 5424, octet counting of RFC 5425 §4.3). Syslog has no acknowledgement, so
// Confirm ends the connection and waits until the server has ended it too: it then has read all there was. A server that ends
// it first may not have read the last of it, so Confirm listens for that before; one that never answers is believed after
// Patience, and counted. Whoever is on the way and forges the end of a connection can so make messages be missing, which the
// numbers in them show. Not safe for concurrent use.
type Syslog struct {
	cfg    SyslogConfig
	host   string
	secure *tls.Config // nil: plain
	conn   net.Conn    // nil: none
	buf    []byte

	unanswered uint64
}

// NewSyslog checks cfg and dials nothing: Send does.
func NewSyslog(cfg SyslogConfig) (*Syslog, error) {
	host, port, err := net.SplitHostPort(cfg.Address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("syslog: %q is not host:port", cfg.Address)
	}
	if cfg.Plain && !cfg.PlainFar && !loopback(host) {
		return nil, fmt.Errorf("syslog: %s without TLS is not on this machine", cfg.Address)
	}
	if cfg.Enterprise == 0 {
		cfg.Enterprise = ExampleEnterprise
	}
	if cfg.Patience == 0 {
		cfg.Patience = 10 * time.Second
	}
	if cfg.Settle == 0 {
		cfg.Settle = time.Second
	}
	if cfg.Patience < 0 || cfg.Settle < 0 {
		return nil, errors.New("syslog: a time below nothing")
	}
	if cfg.Host == "" {
		cfg.Host, _ = os.Hostname() // none: a dash
	}
	s := &Syslog{cfg: cfg, host: printable(cfg.Host)}
	if !cfg.Plain {
		s.secure, err = secure(cfg.TLS, host)
	}
	return s, err
}

// secure is what a connection is checked with.
func secure(given *tls.Config, host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if given != nil {
		c = given.Clone()
	}
	if c.InsecureSkipVerify {
		return nil, errors.New("syslog: the certificate of the server must be checked")
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if c.ServerName == "" {
		c.ServerName = host
	}
	return c, nil
}

// loopback takes addresses only: what a name means is for others to say.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Send writes messages, over a new connection if there is none. After an error nobody knows which of them arrived.
func (s *Syslog) Send(ctx context.Context, messages []Message) error {
	if s.conn == nil {
		if err := s.dial(ctx); err != nil {
			return fmt.Errorf("connect to syslog: %w", err)
		}
	}
	s.buf = s.buf[:0]
	for i := range messages {
		s.buf = s.frame(s.buf, &messages[i])
	}
	release := s.interruptible(ctx)
	defer release()
	if _, err := s.conn.Write(s.buf); err != nil {
		s.drop()
		return fmt.Errorf("send to syslog: %w", err)
	}
	return nil
}

func (s *Syslog) dial(ctx context.Context) (err error) {
	d := &net.Dialer{Timeout: s.cfg.Patience}
	if s.secure == nil {
		s.conn, err = d.DialContext(ctx, "tcp", s.cfg.Address)
	} else {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
		defer cancel()
		s.conn, err = (&tls.Dialer{NetDialer: d, Config: s.secure}).DialContext(ctx, "tcp", s.cfg.Address)
	}
	if err != nil {
		s.conn = nil // not a nil of another type
	}
	return err
}

// interruptible bounds what is done next with the connection, by Patience and by ctx.
func (s *Syslog) interruptible(ctx context.Context) (release func()) {
	conn, ended := s.conn, make(chan struct{})
	_ = conn.SetDeadline(time.Now().Add(s.cfg.Patience))
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0))
		close(ended)
	})
	return func() {
		if !stop() {
			<-ended // it must not cut what comes next
		}
	}
}

// Confirm returns nil when the server has read everything that was sent, or has not said that it has not in time.
func (s *Syslog) Confirm(ctx context.Context) error {
	if s.conn == nil {
		return nil
	}
	defer s.drop()
	if err := s.settled(); err != nil {
		return err
	}
	release := s.interruptible(ctx)
	defer release()
	half, ok := s.conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("end the connection to syslog: it cannot be ended by halves")
	}
	if err := half.CloseWrite(); err != nil {
		return fmt.Errorf("end the connection to syslog: %w", err)
	}
	_, err := io.Copy(io.Discard, io.LimitReader(s.conn, 1<<20)) // a syslog server says nothing; if it does, not for ever
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case late(err):
		s.unanswered++
		return nil
	}
	return fmt.Errorf("the connection to syslog broke before its end: %w", err)
}

// settled returns nil when the server has not ended the connection by itself. It listens for a round trip: by then the end of
// a server that had not received everything would have come.
func (s *Syslog) settled() error {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.cfg.Settle))
	_, err := io.Copy(io.Discard, io.LimitReader(s.conn, 1<<20))
	switch {
	case late(err):
		return nil
	case err == nil:
		return errors.New("the syslog server ended the connection first")
	}
	return fmt.Errorf("the connection to syslog broke: %w", err)
}

func late(err error) bool {
	var timed net.Error
	return errors.As(err, &timed) && timed.Timeout()
}

// Unanswered is how many connections the server did not end in time.
func (s *Syslog) Unanswered() uint64 { return s.unanswered }

// Close drops the connection; what was not confirmed is sent again next time.
func (s *Syslog) Close() error {
	s.drop()
	return nil
}

func (s *Syslog) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
