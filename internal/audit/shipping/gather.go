package shipping

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"countersign.dev/internal/audit/segment"
)

// gather makes the next piece of what is durable: lines of one segment, or the word that a segment is closed; nil: there is none.
func (s *Shipper) gather(durable uint64) (*Piece, error) {
	p := &Piece{Head: Head{Stream: s.cfg.Stream}}
	for {
		line, err := s.peek()
		if err != nil || line == nil || line.Seq > durable {
			return whole(p), err
		}
		if len(p.Body) == 0 {
			if closing := s.closing(line); closing != nil {
				return closing, nil
			}
			if err := s.begin(p, line); err != nil {
				return nil, err
			}
		} else if line.Segment != p.Segment || len(p.Body)+len(line.Text)+1 > s.cfg.PieceSize {
			return p, nil
		}
		p.Body = append(append(p.Body, line.Text...), '\n')
		p.Last, p.Chain = line.Seq, line.Chain
		s.held, s.read = nil, line.Segment
	}
}

func whole(p *Piece) *Piece {
	if len(p.Body) == 0 {
		return nil
	}
	return p
}

// closing is the word that the segment before a line's is closed, where that was not said yet.
func (s *Shipper) closing(line *segment.Line) *Piece {
	if s.at.segment == 0 || s.at.closed || s.at.segment == s.endless || line.Segment == s.at.segment {
		return nil
	}
	return &Piece{Head: Head{Stream: s.cfg.Stream, Place: Place{s.at.segment, s.at.end}, Last: s.at.seq, Chain: s.at.chain, Closed: true}}
}

// begin sets where a piece that begins with a line has its place.
func (s *Shipper) begin(p *Piece, line *segment.Line) error {
	due := int64(0)
	if line.Segment == s.at.segment {
		due = s.at.end
	}
	if line.Offset != due {
		s.refused = fmt.Errorf("%w: line %d stands at byte %d of segment %d, and what was shipped ends at byte %d; nothing more is shipped",
			ErrContradiction, line.Seq, line.Offset, line.Segment, due)
		return s.refused
	}
	p.Place = Place{line.Segment, line.Offset}
	if at, ok := line.Time(); ok {
		s.wait(at)
	}
	return nil
}

// peek is the next line, which stays the next one until held is forgotten; nil: there is none yet. Lines behind damage are passed over
// up to the next segment, loudly: nothing could prove them where they arrive.
func (s *Shipper) peek() (*segment.Line, error) {
	for s.held == nil {
		line, err := s.reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case errors.Is(err, segment.ErrMalformed):
			s.damage(err)
			continue
		case err != nil:
			return nil, err
		}
		if s.damaged && line.Number > 1 {
			continue
		}
		s.damaged = false
		line.Text = slices.Clone(line.Text)
		s.held = &line
	}
	return s.held, nil
}

// damage notes that lines are passed over: where they arrive, a gap will be seen.
func (s *Shipper) damage(err error) {
	if !s.damaged {
		s.cfg.Log.Error("lines of the decision record are damaged or gone, and cannot be shipped; it goes on with the next segment", "cause", err.Error())
		s.mu.Lock()
		s.status.Skipped++
		s.mu.Unlock()
	}
	s.damaged, s.endless = true, max(s.read, s.at.segment)
}
