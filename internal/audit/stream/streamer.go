package stream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"countersign.dev/internal/audit"
)

// Sink takes messages elsewhere: Syslog and File. It is used by one goroutine.
type Sink interface {
	// Send takes messages. After an error nobody knows which of them arrived, and all since the last Confirm are sent again.
	Send(ctx context.Context, messages []Message) error
	// Confirm returns nil when nothing that was sent can be lost any more by either side's program.
	Confirm(ctx context.Context) error
	Close() error
}

// ChangeReader is what is needed of the register: up to limit change rows with a number above after, the oldest first.
type ChangeReader interface {
	Changes(ctx context.Context, after uint64, limit int) ([]audit.Change, error)
}

const (
	maxBatch      = 256       // messages of one Send
	maxBatchBytes = 256 << 10 // beyond it, a batch takes no further message
	maxOpen       = 64 << 20  // bytes that may be unconfirmed
	firstPause    = time.Second
	longestPause  = time.Minute
)

// Config makes a Streamer.
type Config struct {
	Dir      string       // folder of the decision record; empty: no decisions
	Changes  ChangeReader // nil: no changes
	Sink     Sink         // required; Close closes it
	Position string       // file that keeps how far what was sent is confirmed; required. Of one sink each

	Tick    <-chan time.Time                        // when to look for more, and whether a confirmation is due; required
	Confirm time.Duration                           // how long something stays unconfirmed; 0: 1 minute
	Now     func() time.Time                        // required
	After   func(d time.Duration) <-chan time.Time  // pauses between attempts; nil: time.After
	Random  func(limit time.Duration) time.Duration // their jitter, from 0 up to limit; nil: drawn from the runtime
	Log     *slog.Logger                            // hears of failures, and of their end; required
}

// Counters say how a stream does.
type Counters struct {
	Sent       uint64 // messages given to the sink, those that were sent again included
	Failures   uint64 // of the sink or of a record
	Missed     uint64 // lines that were retired or cannot be read, and so were never sent
	Decisions  uint64 // the last decision line that is confirmed
	Changes    uint64 // the last change row that is confirmed
	Read       uint64 // the last decision line that was read; what the record has beyond it waits
	CaughtUp   bool   // nothing was left to be sent at the last look
	Connected  bool   // the last attempt did not fail
	LastError  string // of the last failure; empty: none yet
	Unanswered uint64 // of Syslog
}

// Streamer takes records to a sink. Run runs it.
type Streamer struct {
	cfg Config

	mu       sync.Mutex // guards all below
	counters Counters
	told     missing
}

// New checks cfg and reads nothing yet.
func New(cfg Config) (*Streamer, error) {
	switch {
	case cfg.Sink == nil || cfg.Position == "" || cfg.Tick == nil || cfg.Now == nil || cfg.Log == nil:
		return nil, errors.New("a stream needs a sink, a file for its position, a tick, a clock and a log")
	case cfg.Dir == "" && cfg.Changes == nil:
		return nil, errors.New("a stream needs a record")
	case cfg.Confirm < 0:
		return nil, errors.New("a stream cannot be confirmed before it is sent")
	}
	if cfg.Confirm == 0 {
		cfg.Confirm = time.Minute
	}
	if cfg.After == nil {
		cfg.After = time.After
	}
	if cfg.Random == nil {
		cfg.Random = func(limit time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(limit) + 1)) }
	}
	return &Streamer{cfg: cfg}, nil
}

// Counters is how it goes. Safe for concurrent use.
func (s *Streamer) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counters
}

// Run sends until ctx ends or Tick is closed, then confirms once more and closes the sink. A failure is logged and tried again
// after a pause, which doubles from a second to a minute, and less a random share. Its error is that of the position file
// when Run begins: without it nobody knows what to send. Call it once.
func (s *Streamer) Run(ctx context.Context) error {
	if _, err := readPosition(s.cfg.Position); err != nil {
		return errors.Join(err, s.cfg.Sink.Close())
	}
	pause := firstPause
	for ctx.Err() == nil {
		sent, err := s.session(ctx)
		if err == nil || ctx.Err() != nil {
			break
		}
		if sent {
			pause = firstPause
		}
		s.failed(err)
		select {
		case <-ctx.Done():
		case <-s.cfg.After(pause - s.cfg.Random(pause/2)):
		}
		pause = min(2*pause, longestPause)
	}
	return s.cfg.Sink.Close()
}

// session sends from the confirmed position on. It ends without an error when ctx or the ticks end. sent tells whether
// anything was confirmed.
func (s *Streamer) session(ctx context.Context) (sent bool, err error) {
	at, err := readPosition(s.cfg.Position)
	if err != nil {
		return false, err
	}
	src, err := openSource(ctx, s.cfg, at)
	if err != nil {
		return false, err
	}
	defer src.close()
	s.confirmed(src)
	open := unconfirmed{since: s.cfg.Now()}
	for ctx.Err() == nil {
		batch, err := src.batch(ctx)
		s.looked(src, len(batch) == 0)
		if err == nil && len(batch) > 0 {
			err = s.cfg.Sink.Send(ctx, batch)
			open.add(batch, s.cfg.Now())
		}
		if err != nil {
			return sent, errors.Join(err, s.cfg.Sink.Close())
		}
		s.count(len(batch))
		if open.due(s.cfg.Now(), s.cfg.Confirm) {
			if err := s.confirm(ctx, src); err != nil {
				return sent, err
			}
			sent, open = true, unconfirmed{}
		}
		if len(batch) == 0 && !s.wait(ctx) {
			break
		}
	}
	if open.messages > 0 {
		return true, s.confirm(ctx, src)
	}
	return sent, nil
}

// unconfirmed is what was sent since the last confirmation.
type unconfirmed struct {
	messages int
	bytes    int
	since    time.Time
}

func (u *unconfirmed) add(batch []Message, now time.Time) {
	if u.messages == 0 {
		u.since = now
	}
	u.messages += len(batch)
	for i := range batch {
		u.bytes += len(batch[i].Text)
	}
}

func (u *unconfirmed) due(now time.Time, after time.Duration) bool {
	return u.messages > 0 && (u.bytes >= maxOpen || now.Sub(u.since) >= after)
}

func (s *Streamer) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case _, ok := <-s.cfg.Tick:
		return ok
	}
}

// confirm asks the sink, and then writes the position down, also when ctx has ended meanwhile: the sink bounds it.
func (s *Streamer) confirm(ctx context.Context, src *source) error {
	if err := s.cfg.Sink.Confirm(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, s.cfg.Sink.Close())
	}
	if err := src.at.write(s.cfg.Position); err != nil {
		return err
	}
	s.confirmed(src)
	s.mu.Lock()
	defer s.mu.Unlock()
	if y, ok := s.cfg.Sink.(*Syslog); ok {
		s.counters.Unanswered = y.Unanswered()
	}
	return nil
}

// confirmed is called where all that src has returned is confirmed, at its begin too.
func (s *Streamer) confirmed(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Decisions, s.counters.Changes = src.at.Decisions, src.at.Changes
}

func (s *Streamer) looked(src *source, nothing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.CaughtUp = nothing
	s.counters.Read = src.at.Decisions
	missed := s.told.add(src.takeMissed())
	if missed == 0 {
		return
	}
	s.counters.Missed += missed
	s.cfg.Log.Error("lines of the decision record were removed or unreadable before the stream had them: they are never sent", "missed", missed, "up_to_seq", s.told.upTo)
}

func (s *Streamer) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Sent += uint64(n)
	if n > 0 && !s.counters.Connected {
		s.counters.Connected = true
		s.cfg.Log.Info("the stream of the record runs")
	}
}

func (s *Streamer) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Failures++
	s.counters.Connected, s.counters.CaughtUp = false, false
	s.counters.LastError = err.Error()
	s.cfg.Log.Warn("the stream of the record is interrupted; nothing is lost, and it is tried again", "cause", err.Error())
}
