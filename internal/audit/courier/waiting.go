package courier

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"countersign.dev/internal/audit/checkpoint"
)

// waiting are the statements of a book behind a position, read as they are needed.
type waiting struct {
	file  *os.File
	lines *bufio.Reader
	left  uint64 // whole lines behind the position
}

// waiting opens the book behind what was confirmed. Where that is not what stands there, the book is another one: it is sent
// from its begin, which costs time and loses nothing.
func (c *Courier) waiting() (*waiting, error) {
	f, err := os.Open(c.cfg.Book)
	if errors.Is(err, fs.ErrNotExist) {
		return &waiting{lines: bufio.NewReader(bytes.NewReader(nil))}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint book: %w", err)
	}
	w, err := c.behind(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the checkpoint book: %w", err), f.Close())
	}
	return w, nil
}

func (c *Courier) behind(f *os.File) (*waiting, error) {
	total, offset, same, err := find(f, c.at)
	if err != nil {
		return nil, err
	}
	if !same {
		c.cfg.Log.Warn("the checkpoint book is not the one that was sent before; all of it is sent", "book", c.cfg.Book, "confirmed", c.at.Number, "statements", total)
		c.at, offset = position{}, 0
	}
	w := &waiting{file: f, left: total - c.at.Number}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	w.lines = bufio.NewReaderSize(f, checkpoint.MaxLine+1)
	return w, nil
}

// find counts the whole lines of a book, and says where the one behind a position begins; same: the line of the position is
// that which was confirmed.
func find(f io.ReadSeeker, at position) (total uint64, offset int64, same bool, err error) {
	same = at.Number == 0
	lines := bufio.NewReaderSize(f, checkpoint.MaxLine+1)
	for read := int64(0); ; {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return total, offset, same, nil // what is unfinished is not signed yet
		}
		if err != nil {
			return 0, 0, false, err
		}
		total, read = total+1, read+int64(len(line))
		if total == at.Number {
			offset, same = read, sha256.Sum256(line) == at.Line
		}
	}
}

// next is the next whole line, its line feed with it.
func (w *waiting) next() (line []byte, st checkpoint.Statement, ok bool, err error) {
	line, err = w.lines.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		return nil, st, false, nil
	}
	if err == nil {
		st, err = checkpoint.Parse(line[:len(line)-1])
	}
	if err != nil {
		return nil, st, false, fmt.Errorf("read the checkpoint book: %w", err)
	}
	return line, st, true, nil
}

func (w *waiting) close() {
	if w.file != nil {
		_ = w.file.Close() // it was only read
	}
}
