package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

const (
	// memberSize is how many plain bytes one gzip member holds at most, up to the end of a line: a reader that has noted where the members
	// begin can start at any of them. It is so much less than MaxMember that bytes which cannot be compressed fit as well.
	memberSize = 0xff00
	// pieceSize is how much is read and written at a time: little enough to stay in the processor's cache.
	pieceSize = 4 * MaxMember
)

// deflater compresses; *flate.Writer is one.
type deflater interface {
	io.WriteCloser
	Reset(io.Writer)
}

// packer makes gzip members of a segment's plain bytes, each of which says its size and is proven before it is handed out. Not
// safe for concurrent use.
type packer struct {
	in     io.Reader
	buffer []byte // holds what was read
	rest   []byte // of it: not packed yet
	ended  bool   // there is no more in in
	done   int64  // bytes of in that are packed

	out   []byte // grows with what zip writes
	zip   deflater
	proof prover
}

func newPacker(in io.Reader) (*packer, error) {
	zip, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	return &packer{in: in, buffer: make([]byte, pieceSize), out: make([]byte, 0, pieceSize), zip: zip}, nil
}

// next returns the members of the next piece, valid until it is called again. The error is io.EOF where there are no more.
func (p *packer) next() ([]byte, error) {
	if err := p.read(); err != nil {
		return nil, err
	}
	if len(p.rest) == 0 {
		return nil, io.EOF
	}
	p.out = p.out[:0]
	for len(p.rest) > memberSize || p.ended && len(p.rest) > 0 {
		n := memberOf(p.rest)
		if err := p.pack(p.rest[:n]); err != nil {
			return nil, err
		}
		p.rest = p.rest[n:]
		p.done += int64(n)
	}
	return p.out, nil
}

// read fills the buffer behind what is left in it.
func (p *packer) read() error {
	if p.ended {
		return nil
	}
	held := copy(p.buffer, p.rest)
	n, err := io.ReadFull(p.in, p.buffer[held:])
	p.rest = p.buffer[:held+n]
	p.ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if p.ended {
		return nil
	}
	return err
}

// memberOf says how many bytes of rest the next member holds: as many whole lines as fit; of a line that does not fit, a part.
func memberOf(rest []byte) int {
	if len(rest) <= memberSize {
		return len(rest) // the last one, which may be torn
	}
	if n := bytes.LastIndexByte(rest[:memberSize], '\n') + 1; n > 0 {
		return n
	}
	return memberSize
}

// pack appends the member of plain to out: the header with its size, the stream, the trailer.
func (p *packer) pack(plain []byte) error {
	begin := len(p.out)
	p.out = append(append(p.out, packedMark[:]...), 0, 0)
	p.zip.Reset((*packedOut)(p))
	if _, err := p.zip.Write(plain); err != nil {
		return err
	}
	if err := p.zip.Close(); err != nil {
		return err
	}
	if err := p.proof.prove(p.out[begin+packedHead:], plain); err != nil {
		return err
	}
	p.out = binary.LittleEndian.AppendUint32(p.out, crc32.ChecksumIEEE(plain))
	p.out = binary.LittleEndian.AppendUint32(p.out, uint32(len(plain)))
	size := len(p.out) - begin
	if size > MaxMember {
		return fmt.Errorf("%w: %d bytes became %d", errUnproven, len(plain), size)
	}
	binary.LittleEndian.PutUint16(p.out[begin+packedHead-2:], uint16(size-1))
	return nil
}

// packedOut takes what deflate writes.
type packedOut packer

func (o *packedOut) Write(b []byte) (int, error) {
	o.out = append(o.out, b...)
	return len(b), nil
}
