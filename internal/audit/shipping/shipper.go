package shipping

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"countersign.dev/internal/audit/segment"
)

// DefaultPatience bounds one call to a depot, unless a Config says otherwise.
const DefaultPatience = 10 * time.Second

// ShipperConfig makes a Shipper. Required: Depot, Stream, Dir, Durable, Now, Log.
type ShipperConfig struct {
	Depot   Depot
	Stream  Stream        // node, scope and record; its part is not looked at
	Dir     string        // folder of the record
	Durable func() uint64 // seq of the last durable line: what is not durable is not shipped
	Book    string        // file of the record's signed checkpoints; empty: nothing is signed
	Key     string        // the public key of the book, as its file has it; empty: it is not told
	Now     func() time.Time
	Log     *slog.Logger // hears once of each new problem

	Patience  time.Duration // bounds one call to the depot; 0: DefaultPatience
	PieceSize int           // plain bytes of lines in a piece; 0: PieceSize, which is the most; at least 1
}

// Shipper ships what is durable of one record, and its checkpoints, in pieces of whole lines. Where it goes on after a start or a
// failure, the depot says: it compares that with its own record first, and ships nothing where they contradict each other. It holds one
// piece in memory. Safe for concurrent use. It has nothing to close once Run has returned.
type Shipper struct {
	cfg ShipperConfig

	turn    sync.Mutex // one round at a time; guards the next ones
	reader  *segment.Reader
	held    *segment.Line // read and not shipped yet
	damaged bool          // lines are passed over up to the next segment
	read    uint64        // segment of the line that was taken last
	endless uint64        // segment whose end is not known, because of damage
	at      shipped
	book    shippedBook
	refused error // this record contradicts what was shipped of it: nothing more is

	mu     sync.Mutex
	status ShipStatus
}

// shipped is the end of what the depot has of the lines.
type shipped struct {
	segment uint64 // 0: it has nothing
	end     int64
	seq     uint64
	chain   [32]byte
	closed  bool // it knows that the segment ends there
}

// ShipStatus says how far a Shipper is.
type ShipStatus struct {
	Known   bool      // the depot has said what it has
	Shipped uint64    // seq of the last line that the depot has
	Behind  uint64    // durable lines that it has not
	Since   time.Time // when the oldest of these was written, as far as that is known; zero: none waits, or it is not known
	At      time.Time // of the last round without a problem; zero: there was none
	Pieces  uint64    // shipped since the start, those of the book among them
	Bytes   uint64    // plain bytes of these
	Skipped uint64    // times that damaged or removed lines were passed over
	Problem error     // why it does not go on; nil: it does
}

// NewShipper checks cfg and reads nothing yet.
func NewShipper(cfg ShipperConfig) (*Shipper, error) {
	if cfg.Depot == nil || cfg.Dir == "" || cfg.Durable == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("a shipper needs a depot, a record, its durable end, a clock and a log")
	}
	cfg.Stream.Part = Lines
	if err := cfg.Stream.Check(); err != nil {
		return nil, err
	}
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	if cfg.PieceSize <= 0 || cfg.PieceSize > PieceSize {
		cfg.PieceSize = PieceSize
	}
	return &Shipper{cfg: cfg}, nil
}

// maxPause is how many ticks are let pass at most after rounds that failed: to go on, the record is read from the beginning of a segment.
const maxPause = 7

// Run ships at once, and whenever tick gives something, until ctx ends or tick is closed. After failures it lets ticks pass, maxPause at
// most.
func (s *Shipper) Run(ctx context.Context, tick <-chan time.Time) {
	defer s.leave()
	pause, left := 0, 0
	for {
		switch {
		case left > 0:
			left--
		case s.Round(ctx) == nil: // an error is noted and logged
			pause = 0
		default:
			pause = min(2*pause+1, maxPause)
			left = pause
		}
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
	}
}

// leave closes what is being read.
func (s *Shipper) leave() {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.forget()
}

// Round ships all that is durable by now. Its error is also in the Status; one that wraps ErrContradiction stays.
func (s *Shipper) Round(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	err := s.refused
	if err == nil {
		err = errors.Join(s.shipBook(ctx), s.shipLines(ctx))
	}
	if s.refused == nil && ctx.Err() != nil {
		return err // the server ends: no problem of the depot's
	}
	s.note(err)
	return err
}

// note keeps how it stands, and logs what is new.
func (s *Shipper) note(err error) {
	durable := s.cfg.Durable()
	s.mu.Lock()
	before := s.status.Problem
	st := &s.status
	st.Problem, st.Shipped, st.Behind = err, s.at.seq, 0
	if durable > s.at.seq {
		st.Behind = durable - s.at.seq
	}
	if err == nil {
		st.At = s.cfg.Now()
	}
	s.mu.Unlock()
	switch {
	case err != nil && fmt.Sprint(before) != err.Error():
		s.cfg.Log.Error("the decision record is not shipped", "contradiction", errors.Is(err, ErrContradiction), "cause", err.Error())
	case err == nil && before != nil:
		s.cfg.Log.Info("the decision record is shipped again")
	}
}

// Status says how far it is. Behind is of this moment.
func (s *Shipper) Status() ShipStatus {
	durable := s.cfg.Durable()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	if st.Behind = 0; durable > st.Shipped {
		st.Behind = durable - st.Shipped
	}
	return st
}

// Hold says why a segment whose last line is last must not be removed yet; empty: it may be. For segment.Config.
func (s *Shipper) Hold(_, last uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Known && s.status.Shipped >= last {
		return ""
	}
	return "it was not shipped yet"
}

// shipLines ships the lines that are durable now.
func (s *Shipper) shipLines(ctx context.Context) error {
	if s.reader == nil {
		if err := s.resume(ctx); err != nil {
			s.forget()
			return err
		}
	}
	durable := s.cfg.Durable()
	for ctx.Err() == nil {
		p, err := s.gather(durable)
		if err == nil && p == nil {
			s.wait(time.Time{})
			return nil
		}
		if err == nil {
			err = s.put(ctx, p)
		}
		if err != nil {
			s.forget()
			return err
		}
		s.at = shipped{p.Segment, p.Offset + p.Size, p.Last, p.Chain, p.Closed}
		s.count(p)
	}
	return ctx.Err()
}

// forget has the next round ask the depot where to go on.
func (s *Shipper) forget() {
	if s.reader != nil {
		_ = s.reader.Close() // only read from
	}
	s.reader, s.held, s.damaged = nil, nil, false
}

// resume asks what the depot has, and whether it is of this record.
func (s *Shipper) resume(ctx context.Context) error {
	stream := s.cfg.Stream
	h, ok, err := s.last(ctx, stream)
	if err != nil {
		return err
	}
	if ok {
		rewound, err := segment.Rewound(nil, s.cfg.Dir, h.Last, h.Chain)
		if err != nil {
			return err
		}
		if rewound {
			s.refused = fmt.Errorf("%w: line %d that was shipped on %s is not, or no longer, in the record of this node: its disk was put back to an older state, or a copy of this node ships under its name; nothing more is shipped",
				ErrContradiction, h.Last, h.At.Format(timeLayout))
			return s.refused
		}
		s.at = shipped{h.Segment, h.Offset + h.Size, h.Last, h.Chain, h.Closed}
	} else {
		s.at = shipped{}
	}
	s.mu.Lock()
	s.status.Known, s.status.Shipped = true, s.at.seq
	s.mu.Unlock()
	s.reader, err = segment.NewReader(segment.ReaderConfig{Dir: s.cfg.Dir, Seq: s.at.seq + 1})
	return err
}

func (s *Shipper) last(ctx context.Context, stream Stream) (Head, bool, error) {
	ctx, end := context.WithTimeout(ctx, s.cfg.Patience)
	defer end()
	return s.cfg.Depot.Last(ctx, stream)
}

func (s *Shipper) put(ctx context.Context, p *Piece) error {
	ctx, end := context.WithTimeout(ctx, s.cfg.Patience)
	defer end()
	p.At = s.cfg.Now().UTC().Truncate(time.Microsecond)
	p.Seal()
	return s.cfg.Depot.Put(ctx, p)
}

func (s *Shipper) count(p *Piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Pieces++
	s.status.Bytes += uint64(p.Size)
	if p.Part == Lines {
		s.status.Shipped = p.Last
	}
}

// wait notes since when the oldest line waits.
func (s *Shipper) wait(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Since = since
}
