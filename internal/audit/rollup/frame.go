package rollup

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A day file is a run of frames, one after the other:
//
//	magic, version, length of the payload, CRC-32C of the payload, CRC-32C of this head; little-endian
//	payload: deflate of: from, to, last, number of names, names, number of minutes, minutes
//
// A file only grows by whole frames. Sums of one minute may stand in several of them: they are added up.

// ErrDamaged is wrapped by what is said of a file or frame that cannot be read. The remedy is a rebuild.
var ErrDamaged = errors.New("rollup is damaged")

// errCut says that a file ends inside a frame: a crash, or a look at a file that is being written.
var errCut = fmt.Errorf("%w: it ends inside a frame", ErrDamaged)

const (
	frameMagic   = 0x4c4f5243 // "CROL"
	frameVersion = 1
	frameHead    = 20
	maxPacked    = 16 << 20
	maxPayload   = 32 << 20 // twice what maxKeys things take at most
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is what one writing holds.
type frame struct {
	from, to uint64 // lines of the record, by seq, of which it holds what falls on its day
	last     bool   // with it, these lines are done with on every day
	minutes  map[int64]*Totals
}

// append adds the frame to b.
func (f *frame) append(b []byte) []byte {
	var packed bytes.Buffer
	zip, _ := flate.NewWriter(&packed, flate.BestSpeed) // the level is one
	_, _ = zip.Write(f.payload())                       // to memory
	_ = zip.Close()
	le := binary.LittleEndian
	at := len(b)
	b = le.AppendUint32(le.AppendUint32(b, frameMagic), frameVersion)
	b = le.AppendUint32(b, uint32(packed.Len()))
	b = le.AppendUint32(b, crc32.Checksum(packed.Bytes(), castagnoli))
	b = le.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
	return append(b, packed.Bytes()...)
}

// readFrame takes the next frame from in; io.EOF at its end. size is how many bytes it has.
func readFrame(in io.Reader) (f *frame, size int64, err error) {
	var head [frameHead]byte
	if n, err := io.ReadFull(in, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, 0, io.EOF
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, 0, errCut
		}
		return nil, 0, fmt.Errorf("read rollup: %w", err)
	}
	le := binary.LittleEndian
	length := le.Uint32(head[8:])
	if le.Uint32(head[:]) != frameMagic || le.Uint32(head[4:]) != frameVersion || length > maxPacked ||
		le.Uint32(head[16:]) != crc32.Checksum(head[:16], castagnoli) {
		return nil, 0, fmt.Errorf("%w: no frame of this version", ErrDamaged)
	}
	packed, err := io.ReadAll(io.LimitReader(in, int64(length)))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("read rollup: %w", err)
	case len(packed) != int(length):
		return nil, 0, errCut
	case crc32.Checksum(packed, castagnoli) != le.Uint32(head[12:]):
		return nil, 0, fmt.Errorf("%w: a frame with another checksum", ErrDamaged)
	}
	payload, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxPayload+1))
	if err != nil || len(payload) > maxPayload {
		return nil, 0, fmt.Errorf("%w: a frame that does not unpack", ErrDamaged)
	}
	f, err = parseFrame(payload)
	return f, frameHead + int64(length), err
}

// encoder writes numbers, and names once each.
type encoder struct {
	names  []string
	number map[string]uint64
	body   []byte
}

func (e *encoder) uint(values ...uint64) {
	for _, v := range values {
		e.body = binary.AppendUvarint(e.body, v)
	}
}

func (e *encoder) name(values ...string) {
	for _, v := range values {
		n, ok := e.number[v]
		if !ok {
			n = uint64(len(e.names))
			e.number[v] = n
			e.names = append(e.names, v)
		}
		e.uint(n)
	}
}

// decoder reads what encoder wrote. After a fault everything is zero, and fault says so.
type decoder struct {
	rest  []byte
	names []string
	fault bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fault, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads how many things follow, each of at least size bytes: no more than there is room for.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.rest)/size) {
		d.fault, d.rest = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) name() string {
	i := d.uint()
	if i >= uint64(len(d.names)) {
		d.fault = true
		return ""
	}
	return d.names[i]
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fault, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}
