package segment

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/internal/faultfile"
)

const (
	plainSuffix = ".jsonl"
	gzipSuffix  = ".jsonl.gz"
	lockName    = "lock"
	tornPrefix  = "torn-"
	asidePrefix = "damaged-"
)

// Segment is one segment of a record, found in its folder.
type Segment struct {
	Number uint64
	Plain  bool // the plain file is there; it counts, also where a compressed one stands beside it
	Gzip   bool // the compressed file is there
}

// Name is the name of a segment's file; a compressed one ends in .gz besides.
func Name(number uint64) string { return fmt.Sprintf("%08d%s", number, plainSuffix) }

// parseName reads the name of a segment's file, in the one spelling that Name has.
func parseName(name string) (number uint64, compressed, ok bool) {
	digits, compressed := strings.CutSuffix(name, gzipSuffix)
	if !compressed {
		if digits, ok = strings.CutSuffix(name, plainSuffix); !ok {
			return 0, false, false
		}
	}
	number, err := strconv.ParseUint(digits, 10, 63)
	return number, compressed, err == nil && number > 0 && digits == strings.TrimSuffix(Name(number), plainSuffix)
}

// Segments lists the segments in a record's folder by number. A nil fsys is the operating system's. Other files are passed
// over. The numbers need not be without a gap: that is for Verify to say.
func Segments(fsys faultfile.FS, dir string) ([]Segment, error) {
	entries, err := orOS(fsys).ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[uint64]Segment{}
	for _, entry := range entries {
		number, compressed, ok := parseName(entry.Name())
		if !ok || entry.IsDir() {
			continue
		}
		s := found[number]
		s.Number, s.Plain, s.Gzip = number, s.Plain || !compressed, s.Gzip || compressed
		found[number] = s
	}
	all := make([]Segment, 0, len(found))
	for _, s := range found {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Segment) int { return int(a.Number) - int(b.Number) })
	return all, nil
}

// OpenSegment opens the plain bytes of a segment, of either file, from the first one. A nil fsys is the operating system's. The
// error wraps fs.ErrNotExist where neither is there. The caller closes it.
func OpenSegment(fsys faultfile.FS, dir string, number uint64) (io.ReadCloser, error) {
	return openSegment(orOS(fsys), dir, number)
}

// openSegment tries the plain file, then the compressed one, then the plain one again: one takes the other's place while
// nobody looks.
func openSegment(fsys faultfile.FS, dir string, number uint64) (*plain, error) {
	path := filepath.Join(dir, Name(number))
	for _, name := range []string{path, path + ".gz", path} {
		f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := &plain{Reader: f, file: f}
		if strings.HasSuffix(name, ".gz") {
			z, err := gzip.NewReader(f)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w: %w", name, ErrMalformed, err), f.Close())
			}
			p.Reader, p.zipped = z, true
		}
		return p, nil
	}
	return nil, fmt.Errorf("segment %d: %w", number, fs.ErrNotExist)
}

// plain are the plain bytes of a segment.
type plain struct {
	io.Reader
	file   faultfile.File
	zipped bool
}

// rest is how many bytes of a plain file stand behind an offset; 0 where that cannot be told.
func (p *plain) rest(offset int64) int64 {
	info, err := p.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size() - offset
}

// Close closes the file.
func (p *plain) Close() error { return p.file.Close() }

// readHeader reads the header of a segment.
func readHeader(fsys faultfile.FS, dir string, number uint64) (Header, error) {
	p, err := openSegment(fsys, dir, number)
	if err != nil {
		return Header{}, err
	}
	defer p.Close()
	lines := newScanner(p)
	text, whole, err := lines.next()
	if err != nil || !whole {
		return Header{}, fmt.Errorf("segment %d: %w: it has no whole line", number, ErrMalformed)
	}
	h, err := ParseHeader(text)
	if err == nil && h.Segment != number {
		err = fmt.Errorf("%w: its header is that of segment %d", ErrMalformed, h.Segment)
	}
	if err != nil {
		return Header{}, fmt.Errorf("segment %d: %w", number, err)
	}
	return h, nil
}

func orOS(fsys faultfile.FS) faultfile.FS {
	if fsys == nil {
		return faultfile.OS{}
	}
	return fsys
}
