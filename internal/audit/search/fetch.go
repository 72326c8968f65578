package search

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// maxMember is how much of what a gzip member unpacks to is kept, in bytes. Those of our own segments are smaller.
const maxMember = 1 << 20

// fetcher reads chosen lines of one part. Neighbours cost one read, and those of one gzip member one unpacking.
type fetcher struct {
	file   *os.File
	packed bool
	chunks []chunk
	begins []uint32 // first row of each chunk

	current int    // chunk in buf, -1: none
	buf     []byte // its bytes
	ends    []int  // of its lines
	plain   []byte // where buf is read to, if not from member

	zip    *gzip.Reader // nil: none yet
	in     *bufio.Reader
	begun  bool   // zip is inside the member at offset at
	at     uint64 // offset of the gzip member
	passed uint64 // bytes that zip has given of it
	member []byte // these bytes, unless there were too many
}

// open begins with the chunks of another part. file is the segment.
func (f *fetcher) open(file *os.File, packed bool, chunks []chunk) {
	f.file, f.packed, f.chunks, f.current, f.begun = file, packed, chunks, -1, false
	f.begins = f.begins[:0]
	row := uint32(0)
	for _, c := range chunks {
		f.begins = append(f.begins, row)
		row += c.rows
	}
}

// line is the line of a row. It is valid until the next call. errIndex: it is not where the index says.
func (f *fetcher) line(row uint32) ([]byte, error) {
	i := sort.Search(len(f.begins), func(i int) bool { return f.begins[i] > row }) - 1
	if i < 0 {
		return nil, fmt.Errorf("%w: row %d has no chunk", errIndex, row)
	}
	if i != f.current {
		if err := f.load(i); err != nil {
			return nil, err
		}
	}
	n := int(row - f.begins[i])
	if n >= len(f.ends) {
		return nil, fmt.Errorf("%w: row %d is not in its chunk", errIndex, row)
	}
	from := 0
	if n > 0 {
		from = f.ends[n-1]
	}
	return f.buf[from:f.ends[n]], nil
}

func (f *fetcher) load(i int) error {
	f.current = -1
	c := f.chunks[i]
	if err := f.read(c); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) {
			return fmt.Errorf("%w: %w", errIndex, err) // the segment is another one by now
		}
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	f.ends = f.ends[:0]
	for at := 0; at < len(f.buf); {
		end := bytes.IndexByte(f.buf[at:], '\n') + 1
		if end == 0 {
			end = len(f.buf) - at
		}
		at += end
		f.ends = append(f.ends, at)
	}
	f.current = i
	return nil
}

// read sets buf to the bytes of c.
func (f *fetcher) read(c chunk) error {
	if !f.packed {
		f.buf = f.room(int(c.length))
		_, err := f.file.ReadAt(f.buf, int64(c.at.member))
		return err
	}
	if err := f.enter(c.at); err != nil {
		f.begun = false
		return err
	}
	end := c.at.skip + uint64(c.length)
	if end > maxMember {
		return f.readFar(c)
	}
	if had := len(f.member); uint64(had) < end {
		f.member = append(f.member, make([]byte, int(end)-had)...)
		if _, err := io.ReadFull(f.zip, f.member[had:]); err != nil {
			f.begun = false
			return err
		}
		f.passed = end
	}
	f.buf = f.member[c.at.skip:end]
	return nil
}

// enter brings zip into the member of at, no further than there, unless what it has passed is kept.
func (f *fetcher) enter(at spot) (err error) {
	kept := uint64(len(f.member)) == f.passed
	if f.begun && f.at == at.member && (kept || f.passed <= at.skip) {
		return nil
	}
	if f.in == nil {
		f.in = bufio.NewReaderSize(nil, 32<<10)
	}
	f.in.Reset(io.NewSectionReader(f.file, int64(at.member), 1<<50))
	if f.zip == nil {
		f.zip, err = gzip.NewReader(f.in)
	} else {
		err = f.zip.Reset(f.in)
	}
	if err != nil {
		f.zip = nil
	}
	f.begun, f.at, f.passed, f.member = true, at.member, 0, f.member[:0]
	return err
}

// readFar reads a chunk of a member that is too large to be kept, as other programs make them: going backwards in one costs
// an unpacking for each chunk.
func (f *fetcher) readFar(c chunk) error {
	if f.passed > c.at.skip {
		f.begun = false
		if err := f.enter(c.at); err != nil {
			return err
		}
	}
	f.member = f.member[:0]
	f.buf = f.room(int(c.length))
	_, err := io.CopyN(io.Discard, f.zip, int64(c.at.skip-f.passed))
	if err == nil {
		_, err = io.ReadFull(f.zip, f.buf)
	}
	f.passed = c.at.skip + uint64(c.length)
	f.begun = err == nil
	return err
}

func (f *fetcher) room(n int) []byte {
	if cap(f.plain) < n {
		f.plain = make([]byte, n)
	}
	return f.plain[:n]
}
