package search

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// part is one part of an index that can be asked. It is never changed; its blobs are read when they are needed.
type part struct {
	*head
	at     int64  // offset of its body in the index file
	memory []byte // the body, where it stands in no file yet
	spots  []byte // the blob of chunks, where the one of the body tells of the segment before it was compressed; nil: it does not
}

// asked is a part with what its blobs are read from.
type asked struct {
	*part
	in      io.ReaderAt
	scratch *[]byte // where a blob may stand until the next one is read
}

// blob reads and checks one blob. It is valid until the next call.
func (p asked) blob(i int) ([]byte, error) {
	one := p.blobs[i]
	var b []byte
	if i == blobChunks && p.spots != nil {
		b = p.spots
	} else if p.memory != nil {
		if uint64(one.offset)+uint64(one.length) > uint64(len(p.memory)) {
			return nil, fmt.Errorf("%w: blob %d lies outside", errIndex, i)
		}
		b = p.memory[one.offset : one.offset+one.length]
	} else {
		if cap(*p.scratch) < int(one.length) {
			*p.scratch = make([]byte, max(int(one.length), 4*partRows))
		}
		b = (*p.scratch)[:one.length]
		if _, err := p.in.ReadAt(b, p.at+int64(one.offset)); err != nil {
			return nil, fmt.Errorf("%w: blob %d: %w", errIndex, i, err)
		}
	}
	if crc32.Checksum(b, castagnoli) != one.sum {
		return nil, fmt.Errorf("%w: blob %d has another checksum", errIndex, i)
	}
	return b, nil
}

// chunks reads where the lines are; their rows are exactly those of the part.
func (p asked) chunks() ([]chunk, error) {
	b, err := p.blob(blobChunks)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	list := make([]chunk, 0, len(b)/chunkSpan)
	rows := uint64(0)
	for ; len(b) >= chunkSpan; b = b[chunkSpan:] {
		c := chunk{at: spot{le.Uint64(b), le.Uint64(b[8:])}, length: le.Uint32(b[16:]), rows: le.Uint32(b[20:])}
		if c.length == 0 || c.length > 2*MaxLine || c.rows == 0 || c.at.member > 1<<50 || c.at.skip > 1<<50 {
			return nil, fmt.Errorf("%w: an impossible chunk", errIndex)
		}
		rows += uint64(c.rows)
		list = append(list, c)
	}
	if len(b) != 0 || rows != uint64(p.rows) {
		return nil, fmt.Errorf("%w: chunks of %d rows, not %d", errIndex, rows, p.rows)
	}
	return list, nil
}

// words is a sorted dictionary as it stands in a blob.
type words struct {
	count uint32
	table []byte // count+1 offsets
	text  []byte
}

func parseWords(b []byte) (words, error) {
	if len(b) < 8 {
		return words{}, fmt.Errorf("%w: cut dictionary", errIndex)
	}
	count := binary.LittleEndian.Uint32(b)
	if count == 0 || count > partRows || uint64(len(b)) < 8+4*uint64(count) {
		return words{}, fmt.Errorf("%w: a dictionary of %d words in %d bytes", errIndex, count, len(b))
	}
	end := 4 + 4*(count+1)
	return words{count: count, table: b[4:end], text: b[end:]}, nil
}

// at is word i; empty where the table points outside, so that a wrong answer at worst finds nothing.
func (w words) at(i uint32) []byte {
	from, to := binary.LittleEndian.Uint32(w.table[4*i:]), binary.LittleEndian.Uint32(w.table[4*i+4:])
	if from > to || uint64(to) > uint64(len(w.text)) {
		return nil
	}
	return w.text[from:to]
}

// between are the numbers of the words from low to high, both included: from first up to, but without, end.
func (w words) between(low, high string) (first, end uint32) {
	first = w.search(func(word []byte) bool { return string(word) >= low })
	end = w.search(func(word []byte) bool { return string(word) > high })
	return first, max(first, end)
}

// search is the number of the first word for which reached holds.
func (w words) search(reached func([]byte) bool) uint32 {
	low, high := uint32(0), w.count
	for low < high {
		middle := (low + high) / 2
		if reached(w.at(middle)) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
