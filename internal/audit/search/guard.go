package search

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	guardSize = 16
	// guardSpan is how many bytes before the end of what a part covers tell whether the segment is still the same: in a
	// plain one they hold most of the chain value of the last line, in a compressed one the checksum of gzip.
	guardSpan = 64
)

// guardOf digests what ties a part to its segment: of a plain segment the last bytes before end, of a compressed one, which
// nobody adds to, its length and its last bytes.
func guardOf(file *os.File, packed bool, end spot) (sum [guardSize]byte, size uint64, err error) {
	upTo := int64(end.member)
	if packed {
		info, err := file.Stat()
		if err != nil {
			return sum, 0, fmt.Errorf("%w: %w", ErrSource, err)
		}
		upTo = info.Size()
		size = uint64(upTo)
	}
	b := make([]byte, min(guardSpan, upTo))
	if _, err := file.ReadAt(b, upTo-int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
		return sum, 0, fmt.Errorf("%w: %w", ErrSource, err)
	}
	full := sha256.Sum256(fmt.Appendf(b, " %d %t", upTo, packed))
	copy(sum[:], full[:])
	return sum, size, nil
}

// covers reports whether h still fits the segment that file is.
func (h *head) covers(f segmentFile, file *os.File) bool {
	if h.packed != f.gz || h.packed && h.size != uint64(f.size) || !h.packed && h.end.member > uint64(f.size) {
		return false
	}
	sum, _, err := guardOf(file, h.packed, h.end)
	return err == nil && sum == h.guard
}
