// Package courier brings the signed checkpoints of a book to a receiver outside of the machine, over HTTP. The book stays what
// counts: what the receiver has not confirmed is sent again from it, oldest first, after a failure, a restart or a year, so that
// no statement is lost on the way. It refuses to follow a redirect, to speak TLS below 1.2, and to send anything but lines that
// are statements.
//
// The contract of a receiver: each statement comes as one POST with the line of the book, a line feed behind it, as
// application/json, and an Idempotency-Key that names record, its id and the statement's number. An answer of 200 to 299 says
// that the statement is kept where this machine cannot change it, or was kept already. 409 says that another statement is
// kept under that key: then somebody has signed another story. Everything else is tried again. The receiver can verify the
// signature with the public key; it should at least refuse to replace what it has.
//
// The attack it answers: whoever took the machine and the book's folder with it, and writes both anew.
package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// Bounds of a delivery.
const (
	// Timeout bounds one POST, its answer included.
	Timeout = 10 * time.Second
	// MinPause and MaxPause bound the pause after a failure, which doubles.
	MinPause = time.Second
	MaxPause = 5 * time.Minute

	maxAnswer = 4 << 10
	saveEvery = 50 // statements after which the position is written, when many are sent
)

// ErrRefused is wrapped by the error of a receiver that answered with anything but 200 to 299.
var ErrRefused = errors.New("the receiver did not take the checkpoint")

// ErrContradiction is wrapped, beside ErrRefused, where it answered 409: it keeps another statement under the same key.
var ErrContradiction = errors.New("the receiver has another checkpoint under this number")

// Config makes a Courier.
type Config struct {
	// Book is the path of the book's file; required. A file that is not there yet is an empty book.
	Book string
	// URL is the receiver: https, or http to a loopback host; required.
	URL string
	// Token gives the bearer token for each delivery, so that it can be exchanged in its file. nil: none is sent.
	Token func() (string, error)
	// Transport carries the requests; required, and its own TLS configuration decides whom it trusts. Close its connections.
	Transport http.RoundTripper
	// Position is the path of a small file that keeps what was confirmed last; required. Lost, everything is sent again.
	Position string
	// Now is the clock of the pauses and ages; required.
	Now func() time.Time
	// Log hears of failures, each new one once; required.
	Log *slog.Logger
}

// Courier brings the statements of one book to one receiver. Deliver runs one at a time; Status may be asked at any time. There
// is nothing to close.
type Courier struct {
	cfg    Config
	client *http.Client

	mu    sync.Mutex // one delivery at a time; guards what follows
	at    position
	next  time.Time // nothing is tried before it
	pause time.Duration

	state sync.Mutex
	said  Status
}

// Status is how it stands with a book.
type Status struct {
	// Confirmed is the number of the last statement that the receiver has. 0: none.
	Confirmed uint64
	// Waiting is how many statements the receiver has not confirmed, as of the last delivery.
	Waiting uint64
	// Since is when the oldest of them was signed. Zero: none waits.
	Since time.Time
	// Problem is why the last delivery failed. nil: it did not.
	Problem error
}

// Open makes a Courier and reads where the last one was. It does not call the receiver.
func Open(cfg Config) (*Courier, error) {
	if cfg.Book == "" || cfg.Position == "" || cfg.Transport == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("a courier needs a book, a position, a transport, a clock and a log")
	}
	if !isReceiver(cfg.URL) {
		return nil, errors.New("a courier needs the URL of a receiver: https, or http to a loopback host, without a user name")
	}
	at, err := readPosition(cfg.Position)
	if err != nil {
		return nil, err
	}
	c := &Courier{cfg: cfg, at: at, client: &http.Client{
		Transport: cfg.Transport, Timeout: Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.said = Status{Confirmed: at.Number}
	return c, nil
}

func isReceiver(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	ip, bad := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || bad == nil && ip.Unmap().IsLoopback())
}

// Status says how it stands.
func (c *Courier) Status() Status {
	c.state.Lock()
	defer c.state.Unlock()
	return c.said
}

// Deliver sends what waits, oldest first, and stops at the first failure or when ctx ends. After a failure it does nothing until
// a pause is over. The error is the failure; it is logged already, and asked again with Status.
func (c *Courier) Deliver(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.cfg.Now(); now.Before(c.next) && c.next.Sub(now) <= MaxPause {
		return c.Status().Problem
	}
	err := c.deliver(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.note(err)
	return err
}

// deliver sends what waits.
func (c *Courier) deliver(ctx context.Context) (err error) {
	waiting, err := c.waiting()
	if err != nil {
		return err
	}
	defer waiting.close()
	unsaved := 0
	defer func() {
		if unsaved > 0 {
			err = errors.Join(err, c.at.write(c.cfg.Position))
		}
	}()
	for {
		line, st, ok, err := waiting.next()
		if err != nil || !ok {
			c.say(waiting.left, st.At)
			return err
		}
		c.say(waiting.left, st.At)
		if err := c.post(ctx, line, st); err != nil {
			return err
		}
		c.at = positionAt(line, st)
		waiting.left--
		if unsaved++; unsaved == saveEvery {
			unsaved = 0
			if err := c.at.write(c.cfg.Position); err != nil {
				return err
			}
		}
	}
}

// say keeps how it stands for Status.
func (c *Courier) say(left uint64, since time.Time) {
	c.state.Lock()
	defer c.state.Unlock()
	c.said.Confirmed, c.said.Waiting, c.said.Since = c.at.Number, left, since
	if left == 0 {
		c.said.Since = time.Time{}
	}
}

// note keeps an outcome, logs each new cause once, and sets the pause.
func (c *Courier) note(err error) {
	c.state.Lock()
	before := c.said.Problem
	c.said.Problem = err
	c.state.Unlock()
	if err == nil {
		c.pause, c.next = 0, time.Time{}
		if before != nil {
			c.cfg.Log.Info("the receiver of checkpoints takes them again", "book", c.cfg.Book)
		}
		return
	}
	c.pause = min(max(2*c.pause, MinPause), MaxPause)
	c.next = c.cfg.Now().Add(c.pause)
	if before == nil || before.Error() != err.Error() {
		c.cfg.Log.Error("checkpoints do not reach their receiver; they are sent again", "book", c.cfg.Book, "cause", err.Error(),
			"contradiction", errors.Is(err, ErrContradiction))
	}
}

// wrapped names a failure without the URL, whose query may hold a secret.
func wrapped(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("call the receiver of checkpoints: %w", err)
}
