package search

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

const (
	guardSize = 16
	// guardSpan is how many bytes before the end of what a part covers tell whether the segment is still the same: in a
	// plain one they hold most of the chain value of the last line, in a compressed one the checksum of gzip.
	guardSpan = 64
)

// before is what guards rows that end at a spot: of a plain segment the last bytes before it, of a compressed one, which nobody adds
// to, the last bytes of all.
func before(file *os.File, packed bool, end spot) ([]byte, error) {
	upTo := int64(end.member)
	if packed {
		info, err := file.Stat()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSource, err)
		}
		upTo = info.Size()
	}
	b := make([]byte, min(guardSpan, upTo))
	if _, err := file.ReadAt(b, upTo-int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return b, nil
}

// digest is the guard of a part: of such bytes, and of where they end.
func digest(before []byte, upTo uint64, packed bool) (sum [guardSize]byte) {
	full := sha256.Sum256(fmt.Appendf(slices.Clip(before), " %d %t", upTo, packed))
	copy(sum[:], full[:])
	return sum
}

// covers reports whether h still fits the segment that file is.
func (h *head) covers(f segmentFile, file *os.File) bool {
	if h.packed != f.gz || h.packed && h.size != uint64(f.size) || !h.packed && h.end.member > uint64(f.size) {
		return false
	}
	upTo := h.end.member
	if h.packed {
		upTo = h.size
	}
	b, err := before(file, h.packed, h.end)
	return err == nil && digest(b, upTo, h.packed) == h.guard
}
