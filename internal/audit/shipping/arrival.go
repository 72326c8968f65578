package shipping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// errLater says that a record waits: for the next segment, or because it did not verify a moment ago.
var errLater = errors.New("it waits")

// orLater is the disk's error, or errLater.
func orLater(err error) error {
	if err == nil {
		err = errLater
	}
	return err
}

// arrival is one record of another node on its way in. It belongs to the round.
type arrival struct {
	c       *Collector
	folder  string
	dir     string // of the segments
	book    string
	state   Status
	pending []checkpoint.Anchor // verified, of lines that have not come yet; by seq
	read    bool                // pending was read from the book on this disk
	anew    bool                // the next line begins a segment behind a fault, because an operator wants it
	where   Place               // of the piece at hand
	again   time.Time           // a record with a fault is left alone until then; of this process
	opened  bool

	bookAgain time.Time // as again, for the book
}

func (c *Collector) arrival(one Collected) *arrival {
	return &arrival{c: c, folder: filepath.Dir(one.Dir), dir: one.Dir, book: one.Book, state: one.Status}
}

// make makes the folders of a record that is new.
func (a *arrival) make() error {
	for _, dir := range []string{filepath.Dir(filepath.Dir(a.folder)), filepath.Dir(a.folder), a.folder, a.dir} {
		if err := faultfile.MakeFolder(faultfile.OS{}, dir); err != nil {
			return err
		}
	}
	return a.state.save(a.folder)
}

// take takes what is there, up to a bound; taken: something was. The error is the depot's, the disk's, or errLater.
func (a *arrival) take(ctx context.Context) (taken bool, err error) {
	if !a.read {
		if err := a.readPending(); err != nil {
			return false, err
		}
	}
	if err := a.takeBook(ctx); err != nil {
		return false, err
	}
	due, wanted, err := a.goOn(ctx)
	if err == nil && !wanted {
		if a.state.Fault != nil && time.Now().Before(a.again) {
			return false, errLater
		}
		due, err = a.due(ctx)
	}
	if err != nil {
		return false, err
	}
	a.anew = wanted
	places, err := a.list(ctx, Lines, due, turnPieces)
	if err != nil {
		return false, err
	}
	for _, at := range places {
		if at != due && !wanted {
			if done, err := a.middle(ctx, due); err != nil {
				return taken, err
			} else if done {
				taken, due = true, a.next()
			}
		}
		if at != due {
			return taken, a.fault(0, nil, fmt.Sprintf("a piece begins at segment %d, byte %d, where segment %d, byte %d was due: pieces are missing in the depot, were removed there or at the node before they came here, or the node's disk was put back to an older state",
				at.Segment, at.Offset, due.Segment, due.Offset))
		}
		if done, err := a.one(ctx, at); err != nil || !done {
			return taken, err
		}
		if taken, due = true, a.next(); wanted {
			return true, os.Remove(filepath.Join(a.folder, goOnFile))
		}
	}
	return taken, nil
}

// next is the place of the piece that must come next.
func (a *arrival) next() Place {
	st := &a.state
	switch {
	case st.Closed:
		return Place{st.Segment + 1, 0}
	case st.Segment == 0:
		return Place{1, 0}
	}
	return Place{st.Segment, st.End}
}

// due is next, but for a record of which nothing was taken yet: then it is the beginning of the first segment that the depot has whole.
func (a *arrival) due(ctx context.Context) (Place, error) {
	if a.state.Segment > 0 {
		return a.next(), nil
	}
	places, err := a.list(ctx, Lines, Place{}, 1)
	if err == nil && len(places) > 0 && places[0].Offset > 0 { // older days were dropped there
		places, err = a.list(ctx, Lines, Place{places[0].Segment + 1, 0}, 1)
	}
	switch {
	case err != nil:
		return Place{}, err
	case len(places) == 0 || places[0].Offset > 0:
		return Place{}, errLater
	}
	return places[0], nil
}

func (a *arrival) list(ctx context.Context, part Part, from Place, limit int) ([]Place, error) {
	ctx, end := context.WithTimeout(ctx, a.c.cfg.Patience)
	defer end()
	s := a.state.Stream()
	s.Part = part
	return a.c.cfg.Depot.List(ctx, s, from, limit)
}

func (a *arrival) get(ctx context.Context, part Part, at Place) (*Piece, error) {
	ctx, end := context.WithTimeout(ctx, a.c.cfg.Patience)
	defer end()
	s := a.state.Stream()
	s.Part = part
	return a.c.cfg.Depot.Get(ctx, s, at)
}

// one takes one piece; done: it is proven and on the disk.
func (a *arrival) one(ctx context.Context, at Place) (done bool, err error) {
	a.where = at
	p, err := a.get(ctx, Lines, at)
	var bad *BadPiece
	switch {
	case errors.As(err, &bad):
		return false, a.fault(0, bad.Text, err.Error())
	case errors.Is(err, fs.ErrNotExist):
		return false, errLater // it was dropped since it was listed; the next round says more
	case err != nil:
		return false, err
	}
	if p.Closed {
		return a.close(ctx, p)
	}
	return a.accept(p)
}

// accept proves the lines of a piece, and keeps them.
func (a *arrival) accept(p *Piece) (done bool, err error) {
	tracer := segment.NewTracer(a.trace())
	passed, line, what := a.prove(tracer, p)
	if what != "" {
		text, err := p.Encode()
		return false, errors.Join(err, a.fault(line, text, what))
	}
	if err := a.write(p); err != nil {
		return false, err
	}
	st := &a.state
	if st.Segment == 0 {
		st.Begun = p.Segment
	}
	if a.anew {
		st.Gaps = append(st.Gaps, Gap{After: st.Verified, Before: tracer.Trace().Seq + 1 - uint64(p.Lines), At: a.c.cfg.Now().UTC(), What: st.Trouble()})
	}
	st.proved(tracer.Trace())
	st.End, st.Closed, st.Fault = p.Offset+p.Size, false, nil
	a.dated(p)
	a.meet(passed)
	return true, st.save(a.folder)
}

// trace is behind which line the next one must stand. Where an operator has had the record go on behind a fault, nothing is known of it.
func (a *arrival) trace() segment.Trace {
	if a.anew {
		return segment.Trace{Record: a.state.Record}
	}
	return a.state.trace()
}

// passed are the checkpoints whose lines have come.
type passed struct {
	n   int               // of those that were pending
	met checkpoint.Anchor // the last one that has seen the very line; Seq 0: none has
}

// prove holds every line of a piece against the chain, and against the checkpoints that have seen it. line is the number in the segment
// of the first line that is not what was written, and what says why; empty: all are.
func (a *arrival) prove(tracer *segment.Tracer, p *Piece) (done passed, line int, what string) {
	for rest, first := p.Body, true; len(rest) > 0; first = false {
		end := bytes.IndexByte(rest, '\n')
		before := tracer.Trace()
		got, err := tracer.Next(rest[:end])
		number := before.Line + 1
		if first && p.Offset == 0 {
			number = 1
		}
		switch isHeader := err == nil && got.Number == 1; {
		case err != nil:
			return done, number, err.Error()
		case isHeader != (first && p.Offset == 0) || got.Segment != p.Segment:
			return done, number, "a header stands where none can be, or is that of another segment"
		}
		for ; done.n < len(a.pending) && a.pending[done.n].Seq <= got.Seq; done.n++ {
			one := a.pending[done.n]
			switch {
			case one.Seq < got.Seq: // of a line that did not come
			case one.Hash != got.Chain:
				return done, number, anotherLine(one)
			default:
				done.met = one
			}
		}
		rest = rest[end+1:]
	}
	if at := tracer.Trace(); at.Seq != p.Last || at.Chain != p.Chain {
		return done, at.Line, "the head of the piece names another line than its last one"
	}
	return done, 0, ""
}

func anotherLine(a checkpoint.Anchor) string {
	return fmt.Sprintf("the checkpoint of %s has seen another line %d: the record was written anew", a.At.Format(timeLayout), a.Seq)
}

// meet keeps the last checkpoint that lines were held against.
func (a *arrival) meet(done passed) {
	a.pending, a.anew = a.pending[done.n:], false
	if done.met.Seq > a.state.Sealed {
		a.state.Sealed, a.state.SealedAt = done.met.Seq, done.met.At
		if a.state.Key != nil {
			a.state.SealedBy = a.state.Key.ID
		}
	}
}

// dated keeps when a piece was shipped and came.
func (a *arrival) dated(p *Piece) { a.state.Shipped, a.state.Taken = p.At, a.c.cfg.Now().UTC() }

// close takes the word that a segment is whole, and compresses it.
func (a *arrival) close(ctx context.Context, p *Piece) (bool, error) {
	st := &a.state
	if st.Closed || p.Segment != st.Segment || p.Last != st.Verified || fmt.Sprintf("%x", p.Chain[:]) != st.Chain {
		return false, a.fault(0, []byte(p.HeadText()), fmt.Sprintf("the piece that closes it names line %d as its last one; what came ends with line %d", p.Last, st.Verified))
	}
	if err := segment.CompressSegment(ctx, nil, a.dir, st.Segment); err != nil {
		return false, err
	}
	st.Closed, st.Fault = true, nil
	a.dated(p)
	return true, st.save(a.folder)
}
