package shipping

import (
	"context"
	"errors"
	"io/fs"
)

// middle takes lines that are due out of the middle of a piece, where one holds them: a depot that has forgotten a record, because nothing came
// for too long or somebody emptied it, gets it anew from the node, cut in other places. done: they are proven and on the disk.
func (a *arrival) middle(ctx context.Context, due Place) (done bool, err error) {
	p, err := a.behind(ctx, Lines, due)
	if err != nil || p == nil {
		return false, err
	}
	a.where = due
	return a.accept(p)
}

// maxLook bounds the pieces of one segment among which the one before a place is looked for.
const maxLook = 100_000

// behind is what a piece that begins before a place holds from there on; nil: none does. It is not proven.
func (a *arrival) behind(ctx context.Context, part Part, due Place) (*Piece, error) {
	if due.Offset == 0 {
		return nil, nil
	}
	from, before, looked := Place{Segment: due.Segment}, Place{Offset: -1}, 0
	for more := true; more && looked < maxLook; {
		places, err := a.list(ctx, part, from, 1000)
		if err != nil {
			return nil, err
		}
		for _, at := range places {
			if more = at.Less(due); !more {
				break
			}
			before, from = at, Place{at.Segment, at.Offset + 1}
		}
		more, looked = more && len(places) == 1000, looked+len(places)
	}
	if before.Offset < 0 {
		return nil, nil
	}
	p, err := a.get(ctx, part, before)
	skip := due.Offset - before.Offset
	switch {
	case errors.Is(err, ErrMalformed) || errors.Is(err, fs.ErrNotExist):
		return nil, nil // the fault is told of the place that is due
	case err != nil:
		return nil, err
	case p.Size <= skip:
		return nil, nil
	}
	p.Body, p.Offset = p.Body[skip:], due.Offset
	p.Seal()
	return p, nil
}
