package search

import (
	"bytes"
	"errors"
	"io"
)

// chunkSize is how many bytes of whole lines stand in one chunk, at least: what is read for one line. Of a compressed segment,
// its gzip member is unpacked up to the end of the chunk as well.
const chunkSize = 16 << 10

// chunk is a run of whole lines that is read in one go.
type chunk struct {
	at     spot
	length uint32
	rows   uint32
}

// chunker cuts an input into chunks.
type chunker struct {
	in    input
	buf   []byte
	start spot // of buf[0]
	ended bool
}

func newChunker(in input) *chunker {
	at, _ := in.here()
	return &chunker{in: in, buf: make([]byte, 0, 2*chunkSize), start: at}
}

// next returns a chunk and its bytes, which are valid until the next call. io.EOF: there are no more whole lines; spare
// bytes after the last line feed are left where they are.
func (c *chunker) next() (chunk, []byte, error) {
	c.buf = c.buf[:0]
	c.start, _ = c.in.here()
	for !c.ended {
		if err := c.fill(); err != nil {
			return chunk{}, nil, err
		}
		if n := len(c.buf); n > 0 && c.buf[n-1] == '\n' {
			if _, fresh := c.in.here(); n >= chunkSize || fresh {
				return c.cut(n)
			}
		}
		if len(c.buf) >= MaxLine {
			return c.cut(len(c.buf)) // no line of ours: pieces of it are unreadable rows
		}
	}
	if whole := bytes.LastIndexByte(c.buf, '\n') + 1; whole > 0 {
		return c.cut(whole)
	}
	return chunk{}, nil, io.EOF
}

func (c *chunker) cut(n int) (chunk, []byte, error) {
	return chunk{at: c.start, length: uint32(n), rows: countRows(c.buf[:n])}, c.buf[:n], nil
}

// fill reads up to what makes the chunk whole: many bytes first, then byte by byte to the end of the line.
func (c *chunker) fill() error {
	want := chunkSize - len(c.buf)
	if want <= 0 {
		want = 1
	}
	had := len(c.buf)
	if cap(c.buf)-had < want {
		c.buf = append(c.buf, make([]byte, want)...)[:had]
	}
	n, err := c.in.Read(c.buf[had : had+want])
	c.buf = c.buf[:had+n]
	if errors.Is(err, io.EOF) {
		c.ended, err = true, nil
	}
	return err
}

// countRows is the number of lines of b; a rest without line feed is one more.
func countRows(b []byte) uint32 {
	n := uint32(bytes.Count(b, []byte{'\n'}))
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return n
}
