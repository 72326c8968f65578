package upstream

import (
	"bytes"
	"io"
)

// maxChunkLine bounds a chunk's size line, extensions included: a stream of
// tiny chunks with long extensions would cost more than it carries.
const maxChunkLine = 256

// chunkPart is what of the chunked coding comes next (RFC 9112 §7.1).
type chunkPart byte

const (
	chunkSize chunkPart = iota
	chunkData
	chunkEnd // the line break after the data
)

// readChunked reads the content of chunks. Content that has arrived is handed
// out before more is waited for, so that a streaming answer streams.
func (s *stream) readChunked(p []byte) (int, error) {
	for {
		switch s.part {
		case chunkSize:
			if err := s.nextChunk(); err != nil {
				return 0, err
			}
		case chunkData:
			return s.chunkContent(p)
		case chunkEnd:
			line, err := s.line(len("\r\n"))
			if err != nil {
				return 0, err
			}
			if len(line) != 0 {
				return 0, invalid("chunk longer than its size")
			}
			s.part = chunkSize
		}
	}
}

func (s *stream) chunkContent(p []byte) (int, error) {
	n, err := s.take(p[:min(int64(len(p)), s.left)])
	if s.left -= int64(n); s.left == 0 {
		s.part = chunkEnd
	}
	if err == io.EOF {
		return n, s.c.truncated()
	}
	return n, err
}

// nextChunk reads a size line, and the trailers after the last one.
func (s *stream) nextChunk() error {
	line, err := s.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, err := parseChunkSize(line)
	if err != nil {
		return err
	}
	if size == 0 {
		return s.trailers()
	}
	s.left, s.part = size, chunkData
	return nil
}

// trailers reads, checks and drops what follows the last chunk. Its end is the
// end of the body.
func (s *stream) trailers() error {
	budget := s.l.cfg.MaxHeaderBytes
	for range s.l.cfg.MaxHeaderLines + 1 {
		line, err := s.line(budget)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
		if _, err := parseField(line); err != nil {
			return err
		}
		budget -= len(line) + len("\r\n")
	}
	return invalid("too many trailer lines")
}

// line returns the next line without its line break, which must be CR LF, and
// must fit into most bytes with it. It is valid until the next read.
func (s *stream) line(most int) ([]byte, error) {
	c := s.c
	for seen := 0; ; {
		b := c.buffered()
		if i := bytes.IndexByte(b[seen:min(len(b), max(most, seen))], '\n'); i >= 0 {
			end := seen + i
			if end == 0 || b[end-1] != '\r' {
				return nil, invalid("bare line feed")
			}
			c.r += end + 1
			return b[:end-1], nil
		}
		if seen = len(b); seen >= most || !c.room(most) {
			return nil, invalid("line too long in chunked coding")
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// parseChunkSize reads hexadecimal digits, as many as fit into 63 bits with
// certainty, and then nothing or an extension. A sign, a space or a prefix is
// refused.
func parseChunkSize(line []byte) (size int64, err error) {
	digits := 0
	for ; digits < len(line); digits++ {
		d := hexDigit(line[digits])
		if d < 0 {
			break
		}
		if digits == 15 {
			return 0, invalid("chunk size")
		}
		size = size<<4 | int64(d)
	}
	rest := line[digits:]
	if digits == 0 || len(rest) > 0 && rest[0] != ';' || !all(rest, isValue) {
		return 0, invalid("chunk size")
	}
	return size, nil
}

func hexDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return -1
}
