package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/partner"
)

// How a whole register is handed over. At a start nobody is served: rows are read while those before them are made ready. Later on
// somebody is: then one thing is done at a time, little of it, and whoever waits is let in between. The scheduler by itself would keep a
// request waiting for up to ten milliseconds behind each of two that compute, and while the garbage collector marks and sweeps, which
// leaves one of two processors for everything else, behind both. And never is all of it in memory at once: with a million credentials
// the garbage collector would have ten million things to follow, and take both of two processors for it.
const (
	startPiece = 4096
	servePiece = 640                   // rows: a bit more than a millisecond to read, and to build from
	servePause = 50 * time.Microsecond // at least: long enough that whoever is waiting comes first, and that the network is asked
)

// errClosed ends a reading that nobody wants any more.
var errClosed = errors.New("the reading was closed")

// stream hands over the register of one moment, piece by piece. The transaction is open in a goroutine of its own until the last piece
// has been read, or Close.
type stream struct {
	r            *Registry
	environments []string             // nil: all
	waits        map[string]int       // versions that wait to be handed over
	note         func(*partner.Piece) // sees each piece as it was read; never two at once
	over         func()               // the last piece has been taken
	serving      bool                 // requests are decided on meanwhile
	pause        func(time.Duration)  // giveway.For
	partners     int                  // how many there will be, about; 0: not known
	credentials  int                  // likewise

	ask    chan struct{} // one piece more is wanted
	pieces chan *partner.Piece
	quit   chan struct{}
	done   chan struct{} // the transaction is over, with failed
	failed error

	asked  bool
	first  []*partner.Piece // what was read before it was known that there is more
	last   *partner.Piece   // what Next returned; nil: nothing
	closed bool
	read   struct{ partners, credentials int } // how many there were
}

// handOver gives a roster its lists where they are few rows, and else what is left to be taken. The secrets of the lists are sealed yet.
func (s *stream) handOver(roster *partner.Roster) error {
	for rows := 0; rows < s.size(); {
		piece, err := s.receive()
		if err != nil {
			return err
		}
		if piece == nil { // the transaction has ended
			for _, p := range s.first {
				roster.Partners, roster.Reviews = append(roster.Partners, p.Partners...), append(roster.Reviews, p.Reviews...)
				roster.Networks, roster.Limits = append(roster.Networks, p.Networks...), append(roster.Limits, p.Limits...)
				roster.Credentials = append(roster.Credentials, p.Credentials...)
			}
			s.first = nil
			return nil
		}
		rows += piece.Rows()
		s.first = append(s.first, piece)
	}
	roster.Rest = s
	return nil
}

func (s *stream) size() int {
	if s.serving {
		return servePiece
	}
	return startPiece
}

// open begins a transaction for a whole reading: begin reads all but the pieces in it, and what it leaves in s is for them.
func (s *stream) open(ctx context.Context, begin func(tx Tx) error) error {
	s.ask, s.pieces = make(chan struct{}, 1), make(chan *partner.Piece)
	s.quit, s.done = make(chan struct{}), make(chan struct{})
	begun := make(chan struct{})
	go func() {
		defer close(s.done)
		s.failed = s.r.store.View(ctx, func(tx Tx) error {
			if err := begin(tx); err != nil {
				return err
			}
			close(begun)
			return s.all(ctx, tx)
		})
	}()
	select {
	case <-begun:
		return nil
	case <-s.done:
		return s.failed
	}
}

// all reads one piece whenever one is asked for.
func (s *stream) all(ctx context.Context, tx Tx) error {
	if err := s.wanted(ctx); err != nil {
		return err
	}
	for _, each := range []func() error{
		func() error {
			return tx.EachPartner(s.size(), func(l []partner.Partner) error { return s.give(ctx, &partner.Piece{Partners: l}) })
		},
		func() error {
			return tx.EachReview(s.size(), func(l []partner.Review) error { return s.give(ctx, &partner.Piece{Reviews: l}) })
		},
		func() error {
			return tx.EachNetwork(s.size(), func(l []partner.NetworkRule) error { return s.give(ctx, &partner.Piece{Networks: l}) })
		},
		func() error {
			return tx.EachLimit(s.size(), func(l []partner.Limit) error { return s.give(ctx, &partner.Piece{Limits: l}) })
		},
		func() error {
			return tx.EachCredential(s.size(), func(l []partner.Credential) error {
				dropPending(l, s.waits)
				s.breathe() // a credential costs as much to read as to build from
				return s.give(ctx, &partner.Piece{Credentials: l})
			})
		},
	} {
		if err := each(); err != nil {
			return err
		}
	}
	return nil
}

// give hands a piece over, and waits until the next one is wanted.
func (s *stream) give(ctx context.Context, piece *partner.Piece) error {
	select {
	case s.pieces <- piece:
		return s.wanted(ctx)
	case <-s.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stream) wanted(ctx context.Context) error {
	select {
	case <-s.ask:
		return nil
	case <-s.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// breathe lets whoever waits go first: before a piece is asked for, and behind the reading of credentials.
func (s *stream) breathe() {
	if s.serving {
		s.pause(servePause)
	}
}

// waiting are the versions whose secrets wait to be handed over, by credential.
func waiting(tx Tx) (map[string]int, error) {
	pending, err := pendingNoun.list(tx, partner.DocumentQuery{})
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	waits := make(map[string]int, len(pending))
	for _, p := range pending {
		waits[p.CredentialID] = p.Version
	}
	return waits, nil
}

// dropPending drops the versions that wait.
func dropPending(credentials []partner.Credential, waits map[string]int) {
	if len(waits) == 0 {
		return
	}
	for i, c := range credentials {
		if number := waits[c.ID]; number != 0 {
			credentials[i].Versions = slices.DeleteFunc(c.Versions, func(v partner.Version) bool { return v.Number == number })
		}
	}
}

// Next implements partner.Pieces.
func (s *stream) Next() (*partner.Piece, error) {
	s.wipe()
	for {
		piece, err := s.next()
		if err != nil || piece == nil {
			return nil, err
		}
		if s.environments != nil {
			keepOnly(piece, s.environments)
		}
		if s.last = piece; piece.Rows() == 0 {
			continue
		}
		if err := s.r.unsealCredentials(piece.Credentials); err != nil {
			s.Close()
			s.failed = fmt.Errorf("read roster: %w", err)
			return nil, s.failed
		}
		return piece, nil
	}
}

// next is the next piece as it was read; nil: there is none.
func (s *stream) next() (*partner.Piece, error) {
	if len(s.first) == 0 {
		return s.receive()
	}
	s.breathe()
	piece := s.first[0]
	s.first = s.first[1:]
	return piece, nil
}

// receive waits for the next piece of the transaction; nil: there is none.
func (s *stream) receive() (*partner.Piece, error) {
	if s.closed {
		return nil, errors.Join(s.failed, errClosed)
	}
	s.breathe()
	s.want()
	select {
	case piece := <-s.pieces:
		if s.asked = false; !s.serving {
			s.want()
		}
		s.read.partners += len(piece.Partners)
		s.read.credentials += len(piece.Credentials)
		s.note(piece)
		return piece, nil
	case <-s.done:
		if s.failed != nil {
			return nil, fmt.Errorf("read roster: %w", s.failed)
		}
		s.over()
		return nil, nil
	}
}

func (s *stream) want() {
	if !s.asked {
		s.asked = true
		s.ask <- struct{}{}
	}
}

// About implements partner.Pieces.
func (s *stream) About() (partners, credentials int) { return s.partners, s.credentials }

// wipe wipes the secrets of what Next returned last.
func (s *stream) wipe() {
	if s.last != nil {
		partner.WipeSecrets(s.last.Credentials)
	}
	s.last = nil
}

// Close implements partner.Pieces.
func (s *stream) Close() {
	s.wipe()
	if s.closed {
		return
	}
	s.closed, s.first = true, nil
	close(s.quit)
	<-s.done
}
