package segment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign.dev/internal/faultfile"
)

// Extent says which part of a record CopyLines copies.
type Extent struct {
	From time.Time // begins with the first line of a request that arrived at or after; zero: with the first line that is there
	To   time.Time // ends, at the latest, with the first line of a request that arrived a minute after; zero: with the last line
}

// copySlack is how much longer than To is copied: requests are recorded when they end, so that one that arrived before can stand
// behind one that arrived after.
const copySlack = time.Minute

// Copied says what CopyLines has copied.
type Copied struct {
	Lines uint64
	First uint64   // seq of the first line; 0: there are none
	Last  uint64   // seq of the last one
	Bad   []string // places that could not be read as lines, and are not in the copy; the first 100
}

// CopyLines writes the lines of a record to w as they stand there, headers of segments and lines about the record itself included:
// one unbroken piece of its chain, which VerifyLines proves. It reads as it writes, plain and compressed segments alike, and ends
// where the record ends; a server may write meanwhile. A nil fsys is the operating system's. An error leaves w with a part, which
// ends with a whole line unless the error is that of w. Errors: the disk's, that of w, that of ctx.
func CopyLines(ctx context.Context, fsys faultfile.FS, dir string, w io.Writer, part Extent) (Copied, error) {
	seq, err := firstSince(fsys, dir, part.From)
	if err != nil || seq == 0 {
		return Copied{}, err
	}
	r, err := NewReader(ReaderConfig{Dir: dir, FS: fsys, Seq: seq})
	if err != nil {
		return Copied{}, fmt.Errorf("copy the decision record: %w", err)
	}
	defer r.Close()
	out := bufio.NewWriterSize(w, 1<<16)
	c, err := copyLines(ctx, r, out, part)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return c, fmt.Errorf("copy the decision record: %w", err)
	}
	return c, nil
}

// firstSince is the number of the first line of a request that arrived at or after from, 1 without a time, 0 where there is none.
func firstSince(fsys faultfile.FS, dir string, from time.Time) (uint64, error) {
	if from.IsZero() {
		return 1, nil
	}
	r, err := NewReader(ReaderConfig{Dir: dir, FS: fsys, From: from})
	if err != nil {
		return 0, fmt.Errorf("copy the decision record: %w", err)
	}
	defer r.Close()
	for {
		line, err := r.Next()
		_, timed := line.Time()
		switch {
		case err == nil && timed:
			return line.Seq, nil
		case errors.Is(err, io.EOF):
			return 0, nil
		case err != nil && !errors.Is(err, ErrMalformed):
			return 0, fmt.Errorf("copy the decision record: %w", err)
		}
	}
}

func copyLines(ctx context.Context, r *Reader, out *bufio.Writer, part Extent) (c Copied, err error) {
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return c, ctx.Err()
		}
		line, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return c, nil
		case errors.Is(err, ErrMalformed):
			if len(c.Bad) < 100 {
				c.Bad = append(c.Bad, err.Error())
			}
			continue
		case err != nil:
			return c, err
		}
		if at, timed := line.Time(); timed && !part.To.IsZero() && !at.Before(part.To.Add(copySlack)) {
			return c, nil
		}
		_, _ = out.Write(line.Text) // its error stays, and comes back here
		if err := out.WriteByte('\n'); err != nil {
			return c, err
		}
		if c.Last = line.Seq; c.Lines == 0 {
			c.First = line.Seq
		}
		c.Lines++
	}
}
