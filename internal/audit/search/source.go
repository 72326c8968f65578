package search

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrSource is wrapped when a segment cannot be read.
var ErrSource = errors.New("segment cannot be read")

// segmentFile is one segment in the folder of the record.
type segmentFile struct {
	number uint64
	path   string
	gz     bool
	size   int64
}

var segmentName = regexp.MustCompile(`^([0-9]{8,12})\.jsonl(\.gz)?$`)

// segments lists the segments of dir, in order. Where a segment stands there twice, plain and compressed, the plain one
// counts: it is removed last. Anything but a regular file is left out.
func segments(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	return listed(dir, entries), nil
}

// listed are the segments among what dir had when it was read.
func listed(dir string, entries []os.DirEntry) (list []segmentFile) {
	for _, entry := range entries {
		m := segmentName.FindStringSubmatch(entry.Name())
		if m == nil || !entry.Type().IsRegular() {
			continue
		}
		f := segmentFile{path: filepath.Join(dir, entry.Name()), gz: m[2] != ""}
		f.number, _ = strconv.ParseUint(m[1], 10, 40)
		info, err := entry.Info()
		if err != nil && !f.gz { // compressed since: without it here, lines behind it would be told before its own
			f.path, f.gz = f.path+".gz", true
			info, err = os.Lstat(f.path)
		}
		if err != nil {
			continue // removed since
		}
		f.size = info.Size()
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b segmentFile) int {
		if a.number != b.number {
			return int(int64(a.number) - int64(b.number))
		}
		return len(a.path) - len(b.path)
	})
	return slices.CompactFunc(list, func(a, b segmentFile) bool { return a.number == b.number })
}

// spot is where bytes of a segment are found: of a plain one, at the offset member (skip is 0); of a compressed one, skip
// bytes into what unpacks from the gzip member at offset member.
type spot struct {
	member uint64
	skip   uint64
}

// input reads a segment from a spot onwards, and knows for each byte where it is found again.
type input interface {
	io.Reader
	// here is the spot of the next byte, and whether a gzip member begins with it.
	here() (at spot, fresh bool)
	// behind is the spot n bytes behind another one, in the same gzip member.
	behind(at spot, n uint64) spot
}

// newInput reads a segment from at.
func newInput(file *os.File, packed bool, at spot) (input, error) {
	if !packed {
		return &plainInput{file: file, at: at.member}, nil
	}
	under := &counted{in: io.NewSectionReader(file, int64(at.member), 1<<50), at: at.member}
	in := &packedInput{file: under, ahead: bufio.NewReaderSize(under, 1<<16), begun: at.member}
	if err := in.advance(at.skip); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return in, nil
}

// openRegular opens a file for reading that is no link, device or pipe.
func openRegular(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrSource, filepath.Base(path))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return file, nil
}

type plainInput struct {
	file io.ReaderAt
	at   uint64
}

func (p *plainInput) Read(b []byte) (int, error) {
	n, err := p.file.ReadAt(b, int64(p.at))
	p.at += uint64(n)
	return n, err
}

func (p *plainInput) here() (spot, bool) { return spot{member: p.at}, false }

func (p *plainInput) behind(at spot, n uint64) spot { return spot{member: at.member + n} }

// packedInput reads gzip member by member; one read never crosses into the next.
type packedInput struct {
	file  *counted
	ahead *bufio.Reader // of file; gzip takes single bytes from it, and so no more than its own
	zip   *gzip.Reader  // nil before the first member
	begun uint64        // offset of the member that is being read
	skip  uint64        // bytes of it that have been read
	ended bool          // the member is read, the next one not begun
}

// offset is where in the file gzip stands.
func (p *packedInput) offset() uint64 { return p.file.at - uint64(p.ahead.Buffered()) }

func (p *packedInput) here() (spot, bool) {
	if p.ended {
		return spot{member: p.offset()}, true
	}
	return spot{member: p.begun, skip: p.skip}, p.skip == 0
}

func (p *packedInput) behind(at spot, n uint64) spot {
	return spot{member: at.member, skip: at.skip + n}
}

// Read fills b as far as the member goes.
func (p *packedInput) Read(b []byte) (n int, err error) {
	if err := p.member(); err != nil {
		return 0, err
	}
	for n < len(b) && err == nil {
		var m int
		m, err = p.zip.Read(b[n:])
		n += m
	}
	p.skip += uint64(n)
	if errors.Is(err, io.EOF) {
		p.ended, err = true, nil
	}
	return n, err
}

// member begins the next member where the last one has ended; io.EOF when there is none.
func (p *packedInput) member() (err error) {
	switch {
	case p.zip == nil:
		p.zip, err = gzip.NewReader(p.ahead)
	case p.ended:
		p.begun, p.skip = p.offset(), 0
		err = p.zip.Reset(p.ahead)
	default:
		return nil
	}
	if err == nil {
		p.zip.Multistream(false)
		p.ended = false
	}
	return err
}

// advance passes over n bytes.
func (p *packedInput) advance(n uint64) error {
	_, err := io.CopyN(io.Discard, struct{ io.Reader }{p}, int64(n))
	return err
}

// counted counts what was taken from the file.
type counted struct {
	in io.Reader
	at uint64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.at += uint64(n)
	return n, err
}
