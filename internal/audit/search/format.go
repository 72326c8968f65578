package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// An index file is a run of parts, each of which can be read without the others:
//
//	head   magic, version, coverage, time span, table of blobs, CRC-32C of all this; of fixed length
//	body   the blobs, each with its CRC-32C in the table
//
// All numbers are little-endian. A part whose head does not fit is where the file ends.

// errIndex is wrapped by everything that makes an index unusable: it is made again.
var errIndex = errors.New("unusable index")

const (
	magic = 0x58495343 // "CSIX"
	// version is what is written. Files of the first version, which differ in the hash of request ids alone, are read as they are:
	// nobody waits for the index of a large record to be made again.
	version      = 2
	firstVersion = 1

	requestBuckets = 16

	blobChunks  = 0
	blobKinds   = 1
	blobTimes   = 2
	blobRequest = 3 // one for each value of the highest 4 bits of the hash
	blobWords   = blobRequest + requestBuckets
	blobColumns = blobWords + columnTotal
	blobCount   = blobColumns + columnTotal
	columnTotal = int(columnCount)

	headSize  = 4 + 4 + 8 + 8 + 8 + 8 + 8 + 4 + 8 + 8 + guardSize + blobCount*12 + 4
	maxBody   = 1 << 28
	chunkSpan = 24 // bytes of a chunk in its blob
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blob is a run of bytes of a body.
type blob struct{ offset, length, sum uint32 }

// head says what a part covers and where its blobs are.
type head struct {
	former bool   // of the first version
	packed bool   // made from a compressed segment
	size   uint64 // of the segment file, where packed
	first  uint64 // row of the segment
	rows   uint32
	end    spot // where the next part begins
	base   int64
	last   int64
	guard  [guardSize]byte // digest of what stands before end
	body   uint32          // length
	blobs  [blobCount]blob
}

func (h *head) append(b []byte) []byte {
	at := len(b)
	le := binary.LittleEndian
	b = le.AppendUint32(b, magic)
	flags := uint32(version) << 8
	if h.former {
		flags = firstVersion << 8
	}
	if h.packed {
		flags |= 1
	}
	b = le.AppendUint32(b, flags)
	for _, v := range []uint64{h.size, h.first, uint64(h.rows), h.end.member, h.end.skip} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, h.body)
	b = le.AppendUint64(le.AppendUint64(b, uint64(h.base)), uint64(h.last))
	b = append(b, h.guard[:]...)
	for _, one := range h.blobs {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, one.offset), one.length), one.sum)
	}
	return le.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
}

// readHead reads the head of the part at offset; io.EOF when the file ends there.
func readHead(in io.ReaderAt, offset int64) (*head, error) {
	var b [headSize]byte
	n, err := in.ReadAt(b[:], offset)
	if n == 0 && errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if n < headSize {
		return nil, fmt.Errorf("%w: cut head", errIndex)
	}
	return parseHead(b[:])
}

// parseHead takes untrusted bytes: a checksum keeps out accidents only, so every number is checked.
func parseHead(b []byte) (*head, error) {
	le := binary.LittleEndian
	if len(b) != headSize || le.Uint32(b) != magic || le.Uint32(b[4:])>>8 != version && le.Uint32(b[4:])>>8 != firstVersion ||
		le.Uint32(b[headSize-4:]) != crc32.Checksum(b[:headSize-4], castagnoli) {
		return nil, fmt.Errorf("%w: no head of this version", errIndex)
	}
	h := &head{former: b[5] == firstVersion, packed: b[4]&1 != 0, size: le.Uint64(b[8:]), first: le.Uint64(b[16:]), end: spot{le.Uint64(b[32:]), le.Uint64(b[40:])},
		body: le.Uint32(b[48:]), base: int64(le.Uint64(b[52:])), last: int64(le.Uint64(b[60:]))}
	rows := le.Uint64(b[24:])
	if rows == 0 || rows > partRows || h.first > 1<<40 || h.body > maxBody || h.end.member > 1<<50 || h.end.skip > 1<<50 {
		return nil, fmt.Errorf("%w: a number out of bounds", errIndex)
	}
	h.rows = uint32(rows)
	copy(h.guard[:], b[68:])
	table := b[68+guardSize:]
	for i := range h.blobs {
		one := blob{le.Uint32(table[i*12:]), le.Uint32(table[i*12+4:]), le.Uint32(table[i*12+8:])}
		if uint64(one.offset)+uint64(one.length) > uint64(h.body) {
			return nil, fmt.Errorf("%w: a blob beyond the body", errIndex)
		}
		h.blobs[i] = one
	}
	return h, nil
}

// seal makes a part of what was gathered: head and body. end, guard and size say up to where it goes. b stays as it is, and may go on.
func (b *builder) seal(packed bool, size uint64, guard [guardSize]byte) (*head, []byte) {
	h := &head{packed: packed, size: size, first: b.first, rows: uint32(b.rows()), end: b.end, guard: guard}
	body := make([]byte, 0, 32*b.rows())
	put := func(i int, write func([]byte) []byte) {
		from := len(body)
		body = write(body)
		h.blobs[i] = blob{uint32(from), uint32(len(body) - from), crc32.Checksum(body[from:], castagnoli)}
	}
	put(blobChunks, func(to []byte) []byte { return appendChunks(to, b.chunks) })
	put(blobKinds, func(to []byte) []byte { return append(to, b.kinds...) })
	base, last, known := b.span()
	h.base, h.last = base, last
	put(blobTimes, func(to []byte) []byte { return appendTimes(to, b.times, base, known) })
	buckets := inBuckets(b.hashes)
	for i := range requestBuckets {
		put(blobRequest+i, func(to []byte) []byte { return append(to, buckets[i]...) })
	}
	for c := range columnCount {
		values, renumbered := b.columns[c].sorted(c.key)
		put(blobWords+int(c), func(to []byte) []byte { return appendWords(to, values) })
		put(blobColumns+int(c), func(to []byte) []byte { return appendColumn(to, b.columns[c].rows, renumbered, len(values)) })
	}
	h.body = uint32(len(body))
	return h, body
}

func appendChunks(to []byte, chunks []chunk) []byte {
	le := binary.LittleEndian
	for _, c := range chunks {
		to = le.AppendUint64(le.AppendUint64(to, c.at.member), c.at.skip)
		to = le.AppendUint32(le.AppendUint32(to, c.length), c.rows)
	}
	return to
}

// appendTimes writes each row's distance from the base, in milliseconds; beyond 32 bits it is the highest. The rows before known
// have the time of that one.
func appendTimes(to []byte, times []int64, base int64, known int) []byte {
	to, room := grown(to, 4*len(times))
	for i, t := range times {
		switch {
		case known == len(times):
			t = base
		case i < known:
			t = times[known]
		}
		binary.LittleEndian.PutUint32(room[4*i:], uint32(min(t-base, math.MaxUint32)))
	}
	return to
}

// grown makes to longer by n bytes, and returns these, too.
func grown(to []byte, n int) (longer, room []byte) {
	at := len(to)
	longer = slices.Grow(to, n)[:at+n]
	return longer, longer[at:]
}

// inBuckets sorts the hashes by their highest 4 bits, and leaves them in their order otherwise.
func inBuckets(hashes []requestRow) (buckets [requestBuckets][]byte) {
	var count, filled [requestBuckets]int
	for _, v := range hashes {
		count[v>>60]++
	}
	all, from := make([]byte, 8*len(hashes)), 0
	for i, n := range count {
		buckets[i] = all[from : from+8*n]
		from += 8 * n
	}
	for _, v := range hashes {
		i := v >> 60
		binary.LittleEndian.PutUint64(buckets[i][filled[i]:], uint64(v))
		filled[i] += 8
	}
	return buckets
}

// appendWords writes a sorted dictionary: the number of words, where each begins and the last one ends, the words.
func appendWords(to []byte, values []string) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(len(values)))
	at := uint32(0)
	for _, v := range values {
		to = binary.LittleEndian.AppendUint32(to, at)
		at += uint32(len(v))
	}
	to = binary.LittleEndian.AppendUint32(to, at)
	for _, v := range values {
		to = append(to, v...)
	}
	return to
}

// appendColumn writes one byte for each row, or two where there are more than 256 values.
func appendColumn(to []byte, rows, renumbered []uint16, values int) []byte {
	if values > 256 {
		to, room := grown(to, 2*len(rows))
		for i, n := range rows {
			binary.LittleEndian.PutUint16(room[2*i:], renumbered[n])
		}
		return to
	}
	to, room := grown(to, len(rows))
	for i, n := range rows {
		room[i] = byte(renumbered[n])
	}
	return to
}
