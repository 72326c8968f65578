package search

import (
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"

	"countersign.dev/internal/audit/segment"
)

// A segment is indexed while it is plain, and then compressed. Its rows are the same ones afterwards, and only where their bytes are
// found has changed: the spots are translated, and nothing is unpacked or parsed once more.

// members are the gzip members of a compressed segment, in order.
type members []segment.Member

// maxMembers bounds them: of a segment of 64 GiB, the largest that is written, in members of 64 KiB, and some more.
const maxMembers = 1 << 21

// readMembers reads where the members of a compressed segment are. The error wraps errIndex where the segment does not say.
func readMembers(file io.ReaderAt, size int64) (members, error) {
	var list members
	for m, err := range segment.Members(file, size) {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errIndex, err)
		}
		if len(list) == maxMembers {
			return nil, fmt.Errorf("%w: more than %d members", errIndex, maxMembers)
		}
		list = append(list, m)
	}
	return list, nil
}

// plain is how many plain bytes they hold.
func (m members) plain() int64 {
	if len(m) == 0 {
		return 0
	}
	return m[len(m)-1].Plain + m[len(m)-1].Length
}

// of is the member in which a plain byte stands; its place among them is their number where there is none.
func (m members) of(plain int64) int {
	return sort.Search(len(m), func(i int) bool { return m[i].Plain+m[i].Length > plain })
}

// spot is where a plain byte is found; what stands behind all of them begins where the file, of that size, ends.
func (m members) spot(plain, size int64) spot {
	i := m.of(plain)
	if i == len(m) {
		return spot{member: uint64(size)}
	}
	return spot{member: uint64(m[i].Offset), skip: uint64(plain - m[i].Plain)}
}

// before are the last plain bytes before one, as many as guard rows that end there. They are unpacked, from one member or two.
func (m members) before(file io.ReaderAt, end int64) ([]byte, error) {
	from := max(0, end-guardSpan)
	first, last := m.of(from), m.of(max(0, end-1))
	if last == len(m) || last-first > 1 {
		return nil, fmt.Errorf("%w: the compressed segment is shorter", errIndex)
	}
	var plain []byte
	for _, one := range m[first : last+1] {
		zip, err := gzip.NewReader(io.NewSectionReader(file, one.Offset, one.Size))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errIndex, err)
		}
		at := len(plain)
		plain = append(plain, make([]byte, one.Length)...)
		if _, err := io.ReadFull(zip, plain[at:]); err != nil {
			return nil, fmt.Errorf("%w: %w", errIndex, err)
		}
	}
	return plain[from-m[first].Plain : end-m[first].Plain], nil
}

// translate makes the parts of a plain segment those of the compressed one that has taken its place. That it is the same segment,
// the guard of the last part proves: in its last bytes stands the chain value of the last line that was indexed, which all lines before
// it are in. After an error, which wraps errIndex where the two do not fit, v is as it was.
func (v *volume) translate(f segmentFile, file *os.File) error {
	at, err := readMembers(file, f.size)
	if err != nil {
		return err
	}
	end := v.parts[len(v.parts)-1].end.member
	if end > uint64(at.plain()) {
		return fmt.Errorf("%w: the compressed segment is shorter", errIndex)
	}
	known, err := at.before(file, int64(end))
	if err != nil {
		return err
	}
	if digest(known, end, false) != v.parts[len(v.parts)-1].guard {
		return fmt.Errorf("%w: the compressed segment is another one", errIndex)
	}
	last, err := before(file, true, spot{})
	if err != nil {
		return err
	}
	t := translation{members: at, size: f.size, guard: digest(last, uint64(f.size), true)}
	if v.saved > 0 {
		if t.index, err = openRegular(v.index); err != nil {
			return err
		}
		defer t.index.Close()
	}
	parts := make([]*part, len(v.parts))
	for i, p := range v.parts {
		if parts[i], err = t.part(p); err != nil {
			return err
		}
	}
	v.file, v.parts, v.stale, v.seen, v.fault = f, parts, true, 0, nil
	if end == uint64(at.plain()) {
		v.seen = f.size
	}
	return nil
}

// translation is what the parts of one segment have in common.
type translation struct {
	members members
	size    int64 // of the compressed segment
	guard   [guardSize]byte
	index   *os.File // nil: all parts are in memory
	scratch []byte
}

// part is p with spots of the compressed segment; p stays as it is.
func (t *translation) part(p *part) (*part, error) {
	chunks, err := asked{p, t.index, &t.scratch}.chunks()
	if err != nil {
		return nil, err
	}
	for i, c := range chunks {
		if c.at.member+uint64(c.length) > p.end.member {
			return nil, fmt.Errorf("%w: a chunk behind the end of its part", errIndex)
		}
		chunks[i].at = t.members.spot(int64(c.at.member), t.size)
	}
	h := *p.head
	h.packed, h.size, h.guard, h.end = true, uint64(t.size), t.guard, t.members.spot(int64(p.end.member), t.size)
	one := &part{head: &h, at: p.at, memory: p.memory, spots: appendChunks(nil, chunks)}
	h.blobs[blobChunks].sum = crc32.Checksum(one.spots, castagnoli)
	return one, nil
}

// appendBody writes the body of a part as a file has it: with its spots in their place.
func (p *part) appendBody(to []byte, index io.ReaderAt) ([]byte, error) {
	to, body := grown(to, int(p.body))
	if p.memory != nil {
		copy(body, p.memory)
	} else if _, err := index.ReadAt(body, p.at); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	if p.spots != nil {
		copy(body[p.blobs[blobChunks].offset:], p.spots)
	}
	return to, nil
}
