package memory

import (
	"errors"
	"fmt"
	"io"
)

// chunk is how many records are read at a time (about 64 KiB).
const chunk = 1489

// load reads the segment of b from f, hands every key to each and returns how
// many bytes of the file are good. What follows them is the torn end of the last
// write and is to be cut off; damage anywhere else is ErrDamaged.
func load(f File, b bucket, each func(key *[32]byte)) (good int64, err error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	good, err = loadHeader(f, b, size)
	if err != nil || good == 0 {
		return good, err
	}
	var place frame
	page := make([]byte, chunk*recordSize)
	for good+recordSize <= size {
		whole := min((size-good)/recordSize, chunk)
		records := page[:whole*recordSize]
		if err := readFull(f, records, good); err != nil {
			return good, err
		}
		for len(records) > 0 {
			key, ok := place.decode(b, good, records)
			if !ok {
				return good, torn(f, b, good, size)
			}
			each(&key)
			good += recordSize
			records = records[recordSize:]
		}
	}
	return good, nil
}

// loadHeader returns headerSize, or 0 for a file that was cut short before its
// first record: nothing in it was ever acknowledged.
func loadHeader(f File, b bucket, size int64) (int64, error) {
	if size < headerSize {
		return 0, nil
	}
	var got [headerSize]byte
	if err := readFull(f, got[:], 0); err != nil {
		return 0, err
	}
	if got == header(b) {
		return headerSize, nil
	}
	if got == ([headerSize]byte{}) {
		return 0, torn(f, b, 0, size)
	}
	return 0, damaged(b, 0)
}

// torn decides about a bad record at offset bad. It is the torn end of the last
// write when it is the last record of the file, or when there are only zeros to
// the end of the file (a loss of power can leave a file long but not written).
// Everything else was written after it, so the record was whole once.
func torn(f File, b bucket, bad, size int64) error {
	if bad >= headerSize && size-bad == recordSize {
		return nil
	}
	page := make([]byte, chunk*recordSize)
	for at := bad; at < size; {
		part := page[:min(size-at, int64(len(page)))]
		if err := readFull(f, part, at); err != nil {
			return err
		}
		for _, c := range part {
			if c != 0 {
				return damaged(b, bad)
			}
		}
		at += int64(len(part))
	}
	return nil
}

func damaged(b bucket, offset int64) error {
	return fmt.Errorf("%w: %s at offset %d; what it held is not known, so requests could be repeated. "+
		"Its claims expire at Unix time %d: start again after that second, or move the file away if no replay is to be feared",
		ErrDamaged, b.name(), offset, b.end())
}

func readFull(f File, p []byte, offset int64) error {
	n, err := f.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
