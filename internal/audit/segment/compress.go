package segment

import (
	"bufio"
	"bytes"
	"compress/gzip"

	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	fastzip "github.com/klauspost/compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"countersign.dev/internal/faultfile"
)

const (
	// memberSize is how many plain bytes one gzip member holds, up to the end of a line: a reader that has noted where the
	// members begin can start at any of them.
	memberSize = 64 << 10
	zipName    = "gzip.tmp"
)

// compress puts a compressed file in the place of a closed segment's plain one. There is a whole copy at every instant: the
// compressed one is written under another name, synced, read back and compared; then it gets its name, and only when that is
// durable the plain one goes. A compressed file that is there already, left by a crash, is compared in the same way.
func (w *Writer) compress(ctx context.Context, s Segment) error {
	path := filepath.Join(w.cfg.Dir, Name(s.Number))
	aside := filepath.Join(w.cfg.Dir, zipName)
	err := errStale
	if s.Gzip {
		err = w.same(ctx, path, path+".gz")
	}
	if errors.Is(err, errStale) {
		err = w.deflate(ctx, path, aside)
		if err == nil {
			err = w.same(ctx, path, aside)
		}
		if err == nil {
			err = w.cfg.FS.Rename(aside, path+".gz")
		}
	}
	if err == nil {
		err = w.cfg.FS.SyncDir(w.cfg.Dir)
	}
	if err == nil {
		err = w.cfg.FS.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("compress %s: %w", Name(s.Number), err)
	}
	w.compressed.Add(1)
	return w.cfg.FS.SyncDir(w.cfg.Dir)
}

// deflate writes a compressed copy.
func (w *Writer) deflate(ctx context.Context, from, to string) error {
	if err := w.cfg.FS.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	in, err := w.cfg.FS.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := w.cfg.FS.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(io.NewOffsetWriter(out, 0), 64<<10)
	err = deflateMembers(ctx, buffered, in)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		err = errors.Join(err, w.cfg.FS.Remove(to)) // a full disk gets its room back
	}
	return err
}

// deflateMembers writes members that each end with a line.
func deflateMembers(ctx context.Context, out io.Writer, in io.Reader) error {
	z, err := fastzip.NewWriterLevel(out, fastzip.BestSpeed)
	if err != nil {
		return err
	}
	buffer, held := make([]byte, memberSize+MaxLine), 0
	for {
		n, err := io.ReadFull(in, buffer[held:])
		held += n
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		for held > 0 {
			cut := bytes.LastIndexByte(buffer[:min(memberSize, held)], '\n') + 1
			if cut == 0 || last && held <= memberSize {
				cut = min(memberSize, held)
			}
			if !last && held < memberSize {
				break
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			z.Reset(out)
			if _, err := z.Write(buffer[:cut]); err != nil {
				return err
			}
			if err := z.Close(); err != nil {
				return err
			}
			held = copy(buffer, buffer[cut:held])
		}
		if last {
			return nil
		}
	}
}

// errStale says that a compressed file does not hold what the plain one holds.
var errStale = errors.New("the compressed file differs")

// same proves that a compressed file holds what the plain one holds.
func (w *Writer) same(ctx context.Context, path, zipped string) error {
	want, err := sumOf(ctx, w.cfg.FS, path, false)
	if err != nil {
		return err
	}
	got, err := sumOf(ctx, w.cfg.FS, zipped, true)
	if err != nil || got != want {
		return errors.Join(errStale, err, ctx.Err())
	}
	return nil
}

func sumOf(ctx context.Context, fsys faultfile.FS, path string, zipped bool) (sum [32]byte, err error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	var in io.Reader = f
	if zipped {
		if in, err = gzip.NewReader(f); err != nil {
			return sum, err
		}
	}
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		n, err := io.CopyN(h, in, mib)
		if errors.Is(err, io.EOF) {
			return [32]byte(h.Sum(nil)), nil
		}
		if err != nil || n == 0 {
			return sum, err
		}
	}
}
