package shipping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// maxPending bounds the checkpoints that wait for their lines; more of the book is taken when these have come.
const maxPending = 10_000

// takeBook takes the checkpoints that are there, before the lines. Those that are not what they should be are told; lines go on.
func (a *arrival) takeBook(ctx context.Context) error {
	if len(a.pending) > maxPending || a.state.BookFault != "" && time.Now().Before(a.bookAgain) {
		return nil
	}
	if a.replacedKey() {
		return a.bookFault(fmt.Sprintf("what came until now was signed with key %s, which is not the one that was confirmed", a.state.Key.ID))
	}
	places, err := a.list(ctx, Book, Place{Offset: a.state.BookEnd}, turnPieces)
	for _, at := range places {
		if err == nil {
			err = a.oneOfBook(ctx, at)
		}
	}
	if errors.Is(err, errLater) {
		err = nil
	}
	return err
}

// replacedKey reports whether a key that was believed at first use is not among those that were confirmed since.
func (a *arrival) replacedKey() bool {
	keys := a.c.keys(a.state.Node)
	return a.state.Key != nil && len(keys) > 0 && !a.confirmed(a.state.Key.ID)
}

// confirmed reports whether a key is one that the configuration names.
func (a *arrival) confirmed(id string) bool {
	return id != "" && slices.ContainsFunc(a.c.keys(a.state.Node), func(p checkpoint.Public) bool { return p.ID() == id })
}

func (a *arrival) oneOfBook(ctx context.Context, at Place) error {
	st := &a.state
	if st.BookNumber == 0 {
		st.BookBegun, st.BookEnd = at.Offset, at.Offset
	}
	if at.Offset != st.BookEnd {
		if p, err := a.behind(ctx, Book, Place{Offset: st.BookEnd}); err != nil {
			return err
		} else if p != nil {
			if err := a.acceptBook(p); err != nil {
				return err
			}
		}
	}
	if at.Offset != st.BookEnd {
		return a.bookFault(fmt.Sprintf("a piece begins at byte %d, where byte %d was due: statements are missing in the depot", at.Offset, st.BookEnd))
	}
	p, err := a.get(ctx, Book, at)
	switch {
	case errors.Is(err, ErrMalformed):
		return a.bookFault(err.Error())
	case errors.Is(err, fs.ErrNotExist):
		return errLater
	case err != nil:
		return err
	}
	return a.acceptBook(p)
}

// acceptBook proves the statements of a piece, and keeps them.
func (a *arrival) acceptBook(p *Piece) error {
	st := &a.state
	anchors, last, by, err := a.statements(p)
	if err == nil {
		a.signedBy(by)
		err = a.late(anchors)
	}
	if err != nil {
		return a.bookFault(err.Error())
	}
	if err := a.writeBook(p); err != nil {
		return err
	}
	st.BookEnd, st.BookNumber, st.BookSeq, st.BookFault = p.Offset+p.Size, last.Number, last.Seq, ""
	for _, one := range anchors {
		if one.Seq > st.Verified {
			a.pending = append(a.pending, one)
		}
	}
	return st.save(a.folder)
}

// signedBy notes the key that has signed, of those that count.
func (a *arrival) signedBy(key checkpoint.Public) {
	if a.state.Key == nil || a.state.Key.ID != key.ID() {
		a.state.Key = &SeenKey{Public: key.String(), ID: key.ID(), Since: a.c.cfg.Now().UTC()}
	}
}

// statements proves the statements of a piece: signature, order, record. by is the key of the last one.
func (a *arrival) statements(p *Piece) (anchors []checkpoint.Anchor, last checkpoint.Statement, by checkpoint.Public, err error) {
	last = checkpoint.Statement{Number: a.state.BookNumber, Anchor: checkpoint.Anchor{Seq: a.state.BookSeq}}
	keys, err := a.keysFor(p)
	if err != nil {
		return nil, last, by, err
	}
	for rest := p.Body; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		st, err := checkpoint.Parse(rest[:end])
		if err == nil {
			err = errors.New("it was signed with another key than " + keys[0].ID())
			for _, key := range keys {
				if st.Key == key.ID() {
					by, err = key, key.Verify(st)
				}
			}
		}
		switch {
		case err != nil:
			return nil, last, by, fmt.Errorf("statement %d: %w", last.Number+1, err)
		case last.Number > 0 && st.Number != last.Number+1 || st.Seq < last.Seq:
			return nil, last, by, fmt.Errorf("statement %d follows statement %d: one is missing, or they are out of order", st.Number, last.Number)
		case st.Record != checkpoint.Decisions || st.ID != a.state.Record:
			return nil, last, by, fmt.Errorf("statement %d is about record %.40q", st.Number, st.ID)
		}
		anchors, last, rest = append(anchors, st.Anchor), st, rest[end+1:]
	}
	return anchors, last, by, nil
}

// keysFor are the keys with which a piece of the book may be signed: those that were confirmed, or else the first one that the node
// named, which is told where it is first seen.
func (a *arrival) keysFor(p *Piece) ([]checkpoint.Public, error) {
	st := &a.state
	if keys := a.c.keys(st.Node); len(keys) > 0 {
		return keys, nil
	}
	if p.Key == "" {
		return nil, errors.New("the node does not say which key it signs with, and none was confirmed here")
	}
	key, err := checkpoint.ParsePublic(p.Key)
	if err != nil {
		return nil, err
	}
	if st.Key == nil {
		a.signedBy(key)
		a.c.cfg.Log.Warn("a node signs its checkpoints with a key that nobody has confirmed here; it is believed from now on: compare it with the key at the node",
			"node", st.Node, "record", st.Record, "key", key.ID())
	}
	if st.Key.ID != key.ID() {
		return nil, fmt.Errorf("the node signs with key %s; until now it was %s, since %s", key.ID(), st.Key.ID, st.Key.Since.Format(timeLayout))
	}
	return []checkpoint.Public{key}, nil
}

// late holds the newest checkpoint of lines that are here already against its line: the lines before it follow from the chain.
func (a *arrival) late(anchors []checkpoint.Anchor) error {
	for _, one := range slices.Backward(anchors) {
		if one.Seq > a.state.Verified {
			continue
		}
		chain, err := segment.ChainAt(nil, a.dir, one.Seq)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it was too old to be kept here, or never came
		case err != nil:
			return err
		case chain != one.Hash:
			return errors.New(anotherLine(one))
		default:
			a.meet(passed{met: one})
		}
		return nil
	}
	return nil
}

// writeBook adds to the book here, durably.
func (a *arrival) writeBook(p *Piece) error {
	fsys, at := faultfile.OS{}, p.Offset-a.state.BookBegun
	f, err := fsys.OpenFile(a.book, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) && at == 0 {
		f, err = fsys.OpenFile(a.book, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err == nil {
		if err = f.Truncate(at); err == nil {
			_, err = f.WriteAt(p.Body, at)
		}
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil && at == 0 {
		err = fsys.SyncDir(a.folder)
	}
	if err != nil {
		return fmt.Errorf("write the collected checkpoints: %w", err)
	}
	return nil
}

// bookFault says what is wrong with the checkpoints. The error is the disk's, or errLater.
func (a *arrival) bookFault(what string) error {
	a.bookAgain = time.Now().Add(faultAgain)
	if a.state.BookFault == what {
		return errLater
	}
	a.state.BookFault = what
	a.c.cfg.Log.Error("the checkpoints of another node do not verify", "node", a.state.Node, "scope", a.state.Scope, "record", a.state.Record, "cause", what)
	return orLater(a.state.save(a.folder))
}

// readPending reads, once after a start, which checkpoints wait for their lines. Their signatures were verified when they came.
func (a *arrival) readPending() error {
	f, err := faultfile.OS{}.OpenFile(a.book, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		a.read = true
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size := a.state.BookEnd - a.state.BookBegun
	from := max(0, size-maxPending*checkpoint.MaxLine/4)
	text, err := io.ReadAll(io.NewSectionReader(f, from, size-from))
	if err != nil {
		return err
	}
	if from > 0 {
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	for line := range bytes.Lines(text) {
		if st, err := checkpoint.Parse(bytes.TrimSuffix(line, []byte{'\n'})); err == nil && st.Seq > a.state.Verified {
			a.pending = append(a.pending, st.Anchor)
		}
	}
	a.read = true
	return nil
}
