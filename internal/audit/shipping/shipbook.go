package shipping

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

// shippedBook is the end of what the depot has of the book.
type shippedBook struct {
	known   bool // the depot was asked
	end     int64
	refused error // the book is not the one that was shipped: lines go on
}

// shipBook ships the statements that are new. It goes before the lines: so whoever takes them knows what was signed of a line when the
// line comes.
func (s *Shipper) shipBook(ctx context.Context) error {
	if s.cfg.Book == "" || s.book.refused != nil {
		return s.book.refused
	}
	f, err := faultfile.OS{}.OpenFile(s.cfg.Book, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was signed yet
	}
	if err != nil {
		return fmt.Errorf("ship the checkpoints: %w", err)
	}
	defer f.Close()
	for {
		if !s.book.known {
			if err := s.resumeBook(ctx, f); err != nil {
				return fmt.Errorf("ship the checkpoints: %w", err)
			}
		}
		p, err := s.gatherBook(f)
		if err != nil || p == nil {
			return err
		}
		if err := s.put(ctx, p); err != nil {
			s.book.known = false
			return fmt.Errorf("ship the checkpoints: %w", err)
		}
		s.book.end += p.Size
		s.count(p)
	}
}

// resumeBook asks what the depot has of the book, and whether it is of this one.
func (s *Shipper) resumeBook(ctx context.Context, f io.ReaderAt) error {
	stream := s.cfg.Stream
	stream.Part = Book
	h, ok, err := s.last(ctx, stream)
	if err != nil {
		return err
	}
	s.book = shippedBook{known: true}
	if !ok {
		return nil
	}
	there := make([]byte, h.Size)
	if n, err := f.ReadAt(there, h.Offset); n < len(there) && err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if sha256.Sum256(there) != h.Digest {
		s.book.refused = fmt.Errorf("%w: the book of checkpoints is not the one that was shipped: statement %d is gone or another one; no more of it is shipped",
			ErrContradiction, h.Last)
		return s.book.refused
	}
	s.book.end = h.Offset + h.Size
	return nil
}

// gatherBook is the next piece of whole statements; nil: there is none.
func (s *Shipper) gatherBook(f faultfile.File) (*Piece, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("ship the checkpoints: %w", err)
	}
	text := make([]byte, max(0, min(int64(s.cfg.PieceSize), info.Size()-s.book.end)))
	n, err := f.ReadAt(text, s.book.end)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("ship the checkpoints: %w", err)
	}
	end := bytes.LastIndexByte(text[:n], '\n') + 1
	if end == 0 {
		return nil, nil // the statement is being written
	}
	last := text[bytes.LastIndexByte(text[:end-1], '\n')+1 : end-1]
	statement, err := checkpoint.Parse(last)
	if err != nil {
		return nil, fmt.Errorf("ship the checkpoints: %s: %w", s.cfg.Book, err)
	}
	stream := s.cfg.Stream
	stream.Part = Book
	return &Piece{Head: Head{Stream: stream, Place: Place{Offset: s.book.end}, Last: statement.Number, Key: s.cfg.Key}, Body: text[:end]}, nil
}
