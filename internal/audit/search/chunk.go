package search

import (
	"bytes"
	"errors"
	"io"
)

const (
	// chunkSize is how many bytes of whole lines stand in one chunk, at least: what is read for one line. Of a compressed segment,
	// its gzip member is unpacked up to the end of the chunk as well.
	chunkSize = 16 << 10
	// readSize is how much is read from a file in one go.
	readSize = 128 << 10
)

// chunk is a run of whole lines that is read in one go.
type chunk struct {
	at     spot
	length uint32
	rows   uint32
}

// stretch is where bytes of a buffer come from: those from from on stand at the spot and behind it.
type stretch struct {
	from int
	at   spot
}

// chunker cuts an input into chunks. One is used for one input after another.
type chunker struct {
	in        input
	buf       []byte
	from      int       // what stands before was handed out
	stretches []stretch // of buf; the first one begins at or before from
	ended     bool
}

// open begins with another input.
func (c *chunker) open(in input) {
	if c.buf == nil {
		c.buf = make([]byte, 0, readSize+2*chunkSize)
	}
	at, _ := in.here()
	c.in, c.buf, c.from, c.ended = in, c.buf[:0], 0, false
	c.stretches = append(c.stretches[:0], stretch{at: at})
}

// next returns a chunk, whose rows are not counted yet, its bytes, which are valid until the next call, and the spot behind it. io.EOF: there are no more whole
// lines; spare bytes after the last line feed are left where they are.
func (c *chunker) next() (chunk, []byte, spot, error) {
	for {
		if n := c.cut(c.buf[c.from:]); n > 0 {
			lines := c.buf[c.from : c.from+n]
			one := chunk{at: c.spot(c.from), length: uint32(n)}
			c.from += n
			return one, lines, c.spot(c.from), nil
		}
		if c.ended {
			return chunk{}, nil, spot{}, io.EOF
		}
		if err := c.fill(); err != nil {
			return chunk{}, nil, spot{}, err
		}
	}
}

// cut is where the chunk ends with which b begins: with the line that makes it large enough, with a gzip member where that ends
// with a line, before a line that is too long, or with the last line of all. 0: it is not there yet. Of a line that is too long,
// which is none of ours, every MaxLine bytes are a chunk and an unreadable row.
func (c *chunker) cut(b []byte) int {
	for _, s := range c.stretches {
		if n := s.from - c.from; n > 0 && n < chunkSize && b[n-1] == '\n' {
			return n
		}
	}
	window := b[:min(len(b), MaxLine)]
	if len(window) >= chunkSize {
		if n := bytes.IndexByte(window[chunkSize-1:], '\n'); n >= 0 {
			return n + chunkSize
		}
	}
	if len(window) < MaxLine && !c.ended {
		return 0
	}
	if n := bytes.LastIndexByte(window, '\n') + 1; n > 0 || len(window) < MaxLine {
		return n
	}
	return MaxLine
}

// spot is where the byte at a place of buf is found again.
func (c *chunker) spot(at int) spot {
	i := len(c.stretches) - 1
	for c.stretches[i].from > at {
		i--
	}
	s := c.stretches[i]
	return c.in.behind(s.at, uint64(at-s.from))
}

// fill reads more behind what has not been handed out, which it moves to the front.
func (c *chunker) fill() error {
	at := c.spot(c.from)
	kept := c.stretches[:0]
	for _, s := range c.stretches {
		if s.from > c.from {
			kept = append(kept, stretch{s.from - c.from, s.at})
		}
	}
	c.stretches = append(kept, stretch{})
	copy(c.stretches[1:], c.stretches)
	c.stretches[0] = stretch{at: at}
	rest := copy(c.buf[:cap(c.buf)], c.buf[c.from:])
	c.from = 0
	if cap(c.buf) < rest+readSize {
		c.buf = append(make([]byte, 0, rest+2*readSize), c.buf[:rest]...)
	}
	n, err := c.in.Read(c.buf[rest : rest+readSize])
	c.buf = c.buf[:rest+n]
	if next, fresh := c.in.here(); fresh {
		c.stretches = append(c.stretches, stretch{rest + n, next})
	}
	if errors.Is(err, io.EOF) {
		c.ended, err = true, nil
	}
	return err
}

// countRows is the number of lines of b; a rest without line feed is one more.
func countRows(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return n
}
