package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
)

// The mark is the last second of expiry that may have been forgotten. Claims at
// or below it are refused, whatever the clock says. It is made durable before
// anything is forgotten.
//
// Its file holds the mark twice, and is overwritten in place, so that a full
// disk cannot keep expired segments from being deleted. A slot is magic 8 | mark
// 8 | CRC-32C 4. Each slot is flushed before the next is touched: if one is torn
// or rots, the other still holds the mark, or the one before it while nothing
// had been forgotten yet.
const (
	markName    = "pruned"
	markNewName = "pruned.new"
	markMagic   = "CSPRUNED"
	slotSize    = 20
	slotStride  = 512 // a disk sector each
	markSize    = slotStride + slotSize
)

// createMark makes the file with a mark of zero. It is renamed into place, so
// that it is either missing or whole.
func createMark(files Files) error {
	if err := files.Remove(markNewName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("create replay mark: %w", err)
	}
	f, err := files.Create(markNewName)
	if err != nil {
		return fmt.Errorf("create replay mark: %w", err)
	}
	if err := errors.Join(saveMark(f, 0), f.Close()); err != nil {
		return fmt.Errorf("create replay mark: %w", err)
	}
	if err := files.Rename(markNewName, markName); err != nil {
		return fmt.Errorf("create replay mark: %w", err)
	}
	if err := files.Sync(); err != nil {
		return fmt.Errorf("create replay mark: %w", err)
	}
	return nil
}

// saveMark writes both slots, one after the other.
func saveMark(f File, mark int64) error {
	slot := encodeSlot(mark)
	for _, at := range [...]int64{0, slotStride} {
		if err := writeAll(f, slot, at); err != nil {
			return fmt.Errorf("write %s: %w", markName, err)
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("flush %s: %w", markName, err)
		}
	}
	return nil
}

func encodeSlot(mark int64) []byte {
	p := make([]byte, slotSize)
	copy(p, markMagic)
	binary.LittleEndian.PutUint64(p[8:16], uint64(mark))
	binary.LittleEndian.PutUint32(p[16:20], crc32.Checksum(p[:16], castagnoli))
	return p
}

// loadMark reads the higher of the two slots. When neither is whole it is
// ErrDamaged: guessing a lower mark would revive old requests.
func loadMark(f File) (int64, error) {
	size, err := f.Size()
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", markName, err)
	}
	if size != markSize {
		return 0, fmt.Errorf("%w: %s has %d bytes instead of %d", ErrDamaged, markName, size, markSize)
	}
	mark := int64(-1)
	for _, at := range [...]int64{0, slotStride} {
		var slot [slotSize]byte
		if err := readFull(f, slot[:], at); err != nil {
			return 0, fmt.Errorf("read %s: %w", markName, err)
		}
		mark = max(mark, decodeSlot(slot[:]))
	}
	if mark < 0 {
		return 0, fmt.Errorf("%w: %s at offset 0 and at offset %d", ErrDamaged, markName, slotStride)
	}
	return mark, nil
}

// decodeSlot returns -1 for a slot that is not whole.
func decodeSlot(p []byte) int64 {
	mark := int64(binary.LittleEndian.Uint64(p[8:16]))
	if string(p[:8]) != markMagic || binary.LittleEndian.Uint32(p[16:20]) != crc32.Checksum(p[:16], castagnoli) {
		return -1
	}
	if mark < 0 || mark > lastSecond {
		return -1
	}
	return mark
}
