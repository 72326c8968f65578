package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// ErrNoSizes is wrapped by the error with which Members ends where a compressed segment does not say how large its gzip members
// are, or says what cannot be: another program wrote it, or an older version of this one, or it was changed or cut. Where its members
// begin is then known only to who unpacks it.
var ErrNoSizes = errors.New("the compressed segment does not say where its members are")

const (
	// MaxMember bounds the plain bytes of a gzip member whose size is told, and its bytes in the file too.
	MaxMember = 64 << 10

	// packedHead is the size of such a member's header: the ten bytes of RFC 1952 §2.3, and an extra field (§2.3.1.1) with the one
	// subfield "BC", whose two bytes are the size of the whole member less one.
	packedHead = 18
	packedTail = 8 // the sum and the size of the plain bytes
	leastFlate = 2 // the smallest deflate stream: that of no bytes
	maxRatio   = 1032
)

// packedMark is the header of a member but for its size. Time and operating system are left out: equal lines make equal files.
var packedMark = [packedHead - 2]byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 'B', 'C', 2, 0}

// Member is one gzip member of a compressed segment, as its header and its trailer tell of it.
type Member struct {
	Offset int64 // of its first byte in the compressed file
	Size   int64 // its bytes there; at most MaxMember
	Plain  int64 // offset, in the segment's plain bytes, of the first one that it unpacks to
	Length int64 // how many these are; 1 to MaxMember
}

// Members walks the gzip members of a compressed segment of size bytes, without unpacking them: of each it reads 26 bytes. It
// allocates nothing that grows with the file.
//
// Everything that it yields is what the file claims of itself. Held to be so is only that the members lie side by side and fill
// the file to its last byte, and that no size is one that a member cannot have; that a member is sound, and as long as it says, is known
// to who unpacks it. The plain offsets end with the size of the plain segment (of the last Member, Plain and Length together): who
// knows that size compares it.
//
// It ends with an error, beside a zero Member, at the first member of which nothing is known: it wraps ErrNoSizes, or it is r's.
// What was yielded before then is worth no more than a guess. A file without a member is one, too. r may be read by others at
// the same time.
func Members(r io.ReaderAt, size int64) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		m, head := Member{}, [packedTail + packedHead]byte{}
		if err := readMember(r, &m, head[packedTail:], size); err != nil {
			yield(Member{}, err)
			return
		}
		for {
			next, more, err := followMember(r, &m, &head, size)
			if err != nil {
				yield(Member{}, err)
				return
			}
			if !yield(m, nil) || !more {
				return
			}
			m = next
		}
	}
}

// followMember completes m by its trailer and begins the member behind it, which are neighbours in the file: one read for both.
func followMember(r io.ReaderAt, m *Member, head *[packedTail + packedHead]byte, size int64) (next Member, more bool, err error) {
	end := m.Offset + m.Size
	more = end < size
	part := head[:packedTail]
	if more {
		part = head[:]
	}
	if end+int64(len(part)-packedTail) > size {
		return next, false, fmt.Errorf("%w: it ends in the header of a member at byte %d", ErrNoSizes, end)
	}
	if err := readAt(r, part, end-packedTail); err != nil {
		return next, false, err
	}
	m.Length = int64(binary.LittleEndian.Uint32(part[4:]))
	if stream := m.Size - packedHead - packedTail; m.Length == 0 || m.Length > MaxMember || m.Length > stream*maxRatio {
		return next, false, fmt.Errorf("%w: the member at byte %d has %d bytes and claims %d plain ones", ErrNoSizes, m.Offset, m.Size, m.Length)
	}
	if !more {
		return next, false, nil
	}
	next = Member{Offset: end, Plain: m.Plain + m.Length}
	return next, true, next.parse(head[packedTail:], size)
}

// readMember begins the member at m.Offset.
func readMember(r io.ReaderAt, m *Member, head []byte, size int64) error {
	if size-m.Offset < packedHead {
		return fmt.Errorf("%w: %d bytes hold no member", ErrNoSizes, size-m.Offset)
	}
	if err := readAt(r, head, m.Offset); err != nil {
		return err
	}
	return m.parse(head, size)
}

// parse takes m's size from its header.
func (m *Member) parse(head []byte, size int64) error {
	if [packedHead - 2]byte(head) != packedMark {
		return fmt.Errorf("%w: the member at byte %d", ErrNoSizes, m.Offset)
	}
	m.Size = int64(binary.LittleEndian.Uint16(head[packedHead-2:])) + 1
	if m.Size < packedHead+leastFlate+packedTail || m.Size > size-m.Offset {
		return fmt.Errorf("%w: the member at byte %d claims %d bytes; behind it are %d", ErrNoSizes, m.Offset, m.Size, size-m.Offset)
	}
	return nil
}

// readAt reads all of part; a file that has become shorter does not say where its members are.
func readAt(r io.ReaderAt, part []byte, offset int64) error {
	n, err := r.ReadAt(part, offset)
	switch {
	case n == len(part):
		return nil
	case err == io.EOF || err == nil:
		return fmt.Errorf("%w: it ends at byte %d", ErrNoSizes, offset+int64(n))
	}
	return err
}
