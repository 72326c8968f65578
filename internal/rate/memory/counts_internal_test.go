package memory

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"countersign.dev/internal/rate"
)

// FuzzCounts: whatever a file holds, reading it does not fail but for ErrDamaged, keeps only what its sum covers, and no
// count or day is negative. The sum is made right for half of the inputs, so that what stands behind it is reached.
func FuzzCounts(f *testing.F) {
	good := append([]byte(magic), make([]byte, 8+entrySize)...)
	good[len(magic)+7] = 1
	f.Add(good, true)
	f.Add(good, false)
	f.Add([]byte(magic), true)
	f.Add([]byte{}, false)
	f.Add(append([]byte(magic), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), true)
	f.Fuzz(func(t *testing.T, content []byte, sealed bool) {
		if sealed {
			sum := sha256.Sum256(content)
			content = append(content, sum[:]...)
		}
		kept := uint64(0)
		err := parseCounts(content, func(_ rate.Key, day int32, count int64) error {
			if kept++; day < 0 || count < 0 {
				t.Errorf("day %d, count %d", day, count)
			}
			return nil
		})
		if err == nil && (len(content) < headSize || kept != binary.BigEndian.Uint64(content[len(magic):])) {
			t.Errorf("%d entries of %d bytes", kept, len(content))
		}
		if err != nil && err != ErrDamaged {
			t.Error(err)
		}
	})
}
