package checkpoint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"countersign.dev/internal/faultfile"
)

// ReadBook reads and verifies every statement of a book's file, and returns their anchors in order. The numbers have to run
// from 1 without a gap, and the seq must never go back: a statement taken out of the middle, or put in another place, is an
// error that wraps ErrMalformed and names the line. One taken off the end does not show: that is why the book is kept where
// whoever can change the record cannot write. An unfinished last line is passed over. keys holds every key that the book may
// be signed with. A nil fsys is the operating system's. A statement takes about 0.1 ms to verify.
func ReadBook(fsys faultfile.FS, path string, keys ...Public) ([]Anchor, error) {
	f, err := orOS(fsys).OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint book: %w", err)
	}
	defer f.Close()
	anchors, err := readAll(f, keys)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint book %s: %w", path, err)
	}
	return anchors, nil
}

func readAll(in io.Reader, keys []Public) (anchors []Anchor, err error) {
	statements, err := ReadStatements(in, nil, keys...)
	for _, st := range statements {
		anchors = append(anchors, st.Anchor)
	}
	return anchors, err
}

// ReadStatements reads and verifies the lines of a book, as ReadBook does, that follow the statement before; nil: from the
// first. Whoever has verified the beginning of a book, and sees that its bytes are the same ones, need not verify it again.
func ReadStatements(in io.Reader, before *Statement, keys ...Public) (all []Statement, err error) {
	lines := bufio.NewReaderSize(in, MaxLine+1)
	number := uint64(1)
	if before != nil {
		number = before.Number + 1
	}
	for ; ; number++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			err = fmt.Errorf("%w: too long", ErrMalformed)
		}
		var st Statement
		if err == nil {
			st, err = Parse(line[:len(line)-1])
		}
		if err == nil {
			err = verifyAny(st, keys)
		}
		if err == nil && (st.Number != number || before != nil && goesBack(before.Anchor, st.Anchor)) {
			err = fmt.Errorf("%w in this place: it is number %d, of line %d of the record", ErrMalformed, st.Number, st.Seq)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all, before = append(all, st), &st
	}
}

func goesBack(last, a Anchor) bool {
	return a.Record != last.Record || a.ID != last.ID || a.Seq <= last.Seq
}

func verifyAny(st Statement, keys []Public) error {
	for _, key := range keys {
		if key.ID() == st.Key {
			return key.Verify(st)
		}
	}
	return fmt.Errorf("%w: no key with the id %q was given", ErrSignature, st.Key)
}
