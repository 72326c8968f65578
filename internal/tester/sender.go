package tester

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Relay opens a connection to the gateway of one environment, on which the bytes of a plain HTTP/1.1 request are written and
// its answer is read. The gateway takes from for the other end of it, counts it as any connection, and gives it no right that a
// connection from there would not have. Where the listener has TLS, the handshake is the relay's own business. It refuses, with
// an error, every environment that is not open to the tester.
type Relay func(ctx context.Context, environment string, from netip.AddrPort) (net.Conn, error)

// The errors of Sender.Send. Whatever else it returns is a connection that failed.
var (
	// ErrTooOften: the member has sent as many calls as a minute allows, or the tester is known to too many members at once.
	ErrTooOften = errors.New("too many calls in a minute")
	// ErrBusy: a call of this member is under way, or as many as there are places for.
	ErrBusy = errors.New("another call is under way")
	// ErrUnreached: there was no connection to the gateway. Nothing was sent, and the same form may be sent again.
	ErrUnreached = errors.New("the gateway was not reached")
	// ErrSentAlready: a form with this key was sent before. Nothing was sent now.
	ErrSentAlready = errors.New("this form was sent already")
)

// SenderConfig says what NewSender needs. Relay and Now are required.
type SenderConfig struct {
	Relay Relay
	Now   func() time.Time
	// Patience bounds one call from the first byte to the last one of the answer; zero: 15 s, at most a minute.
	Patience time.Duration
	// PerMinute bounds the calls of one member; zero: 30. AtOnce those of all together; zero: 8.
	PerMinute, AtOnce int
}

// Sender takes finished requests to a gateway, one at a time for each member. Safe for concurrent use. It has no goroutine and
// nothing to close.
type Sender struct {
	cfg  SenderConfig
	desk *Desk
}

// NewSender returns a Sender, or an error that names what is missing.
func NewSender(cfg SenderConfig) (*Sender, error) {
	if cfg.Relay == nil || cfg.Now == nil {
		return nil, errors.New("tester: Relay and Now are required")
	}
	if cfg.Patience == 0 {
		cfg.Patience = 15 * time.Second
	}
	if cfg.Patience < 0 || cfg.Patience > time.Minute {
		return nil, errors.New("tester: Patience is at most a minute")
	}
	desk, err := NewDesk(DeskConfig{Now: cfg.Now, PerMinute: cfg.PerMinute, AtOnce: cfg.AtOnce})
	if err != nil {
		return nil, err
	}
	return &Sender{cfg, desk}, nil
}

// Order is one call that is to be sent.
type Order struct {
	// Member is whose bounds count, Key the form's idempotency key: a second order with the same one sends nothing. Both are
	// required.
	Member, Key string
	// From is the visitor's own address, which decides. It must be valid.
	From    netip.AddrPort
	Message *Message
}

// Send writes the message, these bytes and no others, and reads one answer within its bounds. Nothing is sent twice, no
// redirect is followed, and no connection is kept. The errors above say that nothing was sent; any other one leaves it open
// whether the API has seen the call, and the page says so.
func (s *Sender) Send(ctx context.Context, o Order) (*Answer, error) {
	if o.Member == "" || o.Key == "" || !o.From.IsValid() || o.Message == nil {
		return nil, errors.New("tester: an order needs a member, a key, an address and a message")
	}
	leave, err := s.desk.Enter(o.Member, o.Key)
	if err != nil {
		return nil, err
	}
	reached := false
	defer func() { leave(reached) }()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	began := s.cfg.Now()
	conn, err := s.cfg.Relay(ctx, o.Message.Environment, o.From)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	reached = true
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	answer, err := exchange(conn, o.Message)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway: %w", errors.Join(err, ctx.Err()))
	}
	answer.Took = s.cfg.Now().Sub(began)
	return answer, nil
}

// exchange writes and reads at the same time: a gateway may answer before it has taken all of a body, and then closes.
func exchange(conn net.Conn, m *Message) (*Answer, error) {
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(m.Bytes())
		written <- err
	}()
	answer, err := readAnswer(conn, m.Method)
	_ = conn.SetDeadline(time.Unix(1, 0)) // ends a write that is still waiting
	if sent := <-written; err != nil {
		return nil, errors.Join(err, sent)
	}
	return answer, nil
}
