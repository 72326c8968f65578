package segment

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// same proves that a compressed file, which another run has left, holds what the plain one holds. The error wraps errStale where it does not;
// any other is about the plain one, or the context's.
func (w *Writer) same(ctx context.Context, path, zipped string) error {
	want, err := w.cfg.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer want.Close()
	got, err := w.cfg.FS.OpenFile(zipped, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	defer got.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(got, MaxMember))
	if err != nil {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	beside := &beside{in: bufio.NewReaderSize(&cancelled{ctx, want}, MaxMember)}
	_, err = z.WriteTo(beside)
	switch {
	case beside.fault != nil:
		return beside.fault
	case err != nil:
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return beside.end()
}

// beside compares what is written into it with what it reads.
type beside struct {
	in    *bufio.Reader
	fault error // of in
}

// Write fails where b is not what in holds next.
func (s *beside) Write(b []byte) (int, error) {
	for done := 0; done < len(b); {
		part, err := s.in.Peek(min(len(b)-done, s.in.Size()))
		if err != nil && !errors.Is(err, io.EOF) {
			s.fault = err
		}
		if err != nil || !bytes.Equal(part, b[done:done+len(part)]) {
			return done, errStale
		}
		_, _ = s.in.Discard(len(part))
		done += len(part)
	}
	return len(b), nil
}

// end sees that nothing is left.
func (s *beside) end() error {
	_, err := s.in.ReadByte()
	switch {
	case err == nil:
		return fmt.Errorf("%w: it ends too early", errStale)
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}
