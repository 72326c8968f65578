package segment

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"countersign.dev/internal/faultfile"
)

const zipName = "gzip.tmp"

// errStale says that a compressed file does not hold what it has to.
var errStale = errors.New("the compressed file differs from the plain one")

// compress puts a compressed file in the place of a closed segment's plain one. There is a whole copy at every instant: the
// compressed one is written under another name, each member unpacked and compared with the plain bytes before it is written, synced,
// and read back; then it gets its name, and only when that is durable the plain one goes. A compressed file that is there
// already, left by a crash, is unpacked and compared with the plain one, byte by byte.
func (w *Writer) compress(ctx context.Context, s Segment) error {
	path := filepath.Join(w.cfg.Dir, Name(s.Number))
	err := errStale
	if s.Gzip {
		err = w.same(ctx, path, path+".gz")
	}
	if errors.Is(err, errStale) {
		aside := filepath.Join(w.cfg.Dir, zipName)
		err = w.deflate(ctx, path, aside)
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

// deflate makes a compressed copy that is durable and was read back. Where it fails, no part of one is left: a full disk gets
// its room back.
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
	copied, err := packAll(ctx, out, in)
	if err == nil {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = w.reread(ctx, to, copied)
	}
	if err != nil {
		err = errors.Join(err, w.cfg.FS.Remove(to))
	}
	return err
}

// digest is what is remembered of bytes until they are read back: 64 bits with a secret of this process, at the speed of memory. It is
// there against a disk's mistakes; whoever can write into the folder is not held up by any sum.
type digest struct{ maphash.Hash }

// packAll writes the members of all of in, and returns the digest of what it wrote.
func packAll(ctx context.Context, out io.WriterAt, in faultfile.File) (*digest, error) {
	p, err := newPacker(in)
	if err != nil {
		return nil, err
	}
	copied, at := &digest{}, int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch, err := p.next()
		if errors.Is(err, io.EOF) {
			return copied, p.all(in)
		}
		if err != nil {
			return nil, err
		}
		_, _ = copied.Write(batch)
		if _, err := out.WriteAt(batch, at); err != nil {
			return nil, err
		}
		at += int64(len(batch))
	}
}

// all sees that a member was made of every byte of a file.
func (p *packer) all(in faultfile.File) error {
	info, err := in.Stat()
	if err == nil && info.Size() != p.done {
		err = fmt.Errorf("%w: %d of %d bytes were read", errStale, p.done, info.Size())
	}
	return err
}

// reread proves that a file holds the bytes that were written into it.
func (w *Writer) reread(ctx context.Context, path string, copied *digest) error {
	f, err := w.cfg.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var got digest
	got.SetSeed(copied.Seed())
	if _, err := io.CopyBuffer(&got, &cancelled{ctx, f}, make([]byte, pieceSize)); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if got.Sum64() != copied.Sum64() {
		return fmt.Errorf("read back: %w: it is not what was written", errStale)
	}
	return nil
}

// cancelled reads until its context ends.
type cancelled struct {
	ctx  context.Context
	file faultfile.File
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.file.Read(p)
}
