package segment

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errLong is the fault of a line beyond MaxLine.
var errLong = fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxLine)

// scanner takes a segment's plain bytes apart at line feeds, within bounds.
type scanner struct {
	in      *bufio.Reader
	offset  int64  // of the line that next returned last
	end     int64  // behind it and its line feed
	again   []byte // what next returns once more; nil: nothing
	number  int    // of the line that next returned last
	resume  []byte // the beginning of a line whose end was not there yet
	skipped int64  // bytes of a line that is too long which are not in resume
}

func newScanner(in io.Reader) *scanner { return &scanner{in: bufio.NewReaderSize(in, 64<<10)} }

// next returns the next line without its line feed; it is valid until the call after. whole is false where the bytes end
// before a line feed: text is what there is of the line, err is io.EOF, and when more has been written, next returns the
// whole of it. A line that is too long is passed over, and is errLong.
func (s *scanner) next() (text []byte, whole bool, err error) {
	if text = s.again; text != nil {
		s.again = nil
		return text, true, nil
	}
	keep := s.resume
	for {
		part, err := s.in.ReadSlice('\n')
		if err == nil && len(keep) == 0 {
			return s.took(part)
		}
		if len(keep) <= MaxLine {
			keep = append(keep, part...)
		} else {
			s.skipped += int64(len(part))
		}
		switch {
		case err == nil:
			s.resume = keep[:0]
			return s.took(keep)
		case !errors.Is(err, bufio.ErrBufferFull):
			s.resume = keep
			return keep, false, err
		}
	}
}

// restart makes next go on with the beginning of in, where the line that it has not returned yet begins.
func (s *scanner) restart(in io.Reader) {
	s.in.Reset(in)
	s.resume, s.skipped = s.resume[:0], 0
}

// unread makes next return a line once more, the one that it returned last. It must not have been too long.
func (s *scanner) unread(text []byte) { s.again = text }

// took counts a line with its line feed, or the beginning of one that is too long.
func (s *scanner) took(line []byte) ([]byte, bool, error) {
	size := int64(len(line)) + s.skipped
	s.number, s.offset, s.skipped = s.number+1, s.end, 0
	s.end += size
	if size > MaxLine+1 {
		return nil, true, errLong
	}
	return line[:len(line)-1], true, nil
}
