package memory

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
)

// A segment file is a header of 32 bytes and records of 44 bytes. All numbers
// are little endian.
//
//	header: magic 8 | version 4 | span 4 | bucket 8 | zero 4 | CRC-32C 4
//	record: key 32  | expires 8 | CRC-32C 4
//
// The checksum of a record is taken over bucket, offset, key and expires, so
// that a record that was copied to another place does not pass.
const (
	segmentMagic   = "CSREPLAY"
	segmentVersion = 1
	headerSize     = 32
	recordSize     = 44
	positionSize   = 16 // bucket and offset: checksummed, not written

	// span is the number of seconds of expiry that share one segment file.
	span = 60

	// lastSecond is the end of the year 9999; it keeps bucket numbers inside
	// 32 bits.
	lastSecond = 253402300799

	segmentSuffix = ".seg"
	segmentDigits = 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// bucket numbers a minute of expiry: expires / span.
type bucket uint32

func bucketOf(expires int64) bucket { return bucket(expires / span) }

// end is the last second that belongs to the bucket.
func (b bucket) end() int64 { return int64(b)*span + span - 1 }

// name is the file name: the bucket number with ten digits, so that a listing
// sorts by time.
func (b bucket) name() string {
	digits := strconv.FormatUint(uint64(b), 10)
	return strings.Repeat("0", segmentDigits-len(digits)) + digits + segmentSuffix
}

var errName = errors.New("not the name of a segment")

// parseName is the strict inverse of name: ten digits, nothing else.
func parseName(name string) (bucket, error) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != segmentDigits {
		return 0, errName
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n > lastSecond/span {
		return 0, errName
	}
	return bucket(n), nil
}

// frame is room for one record with the position that is checksummed but not
// written in front of it. It is reused, so that a claim allocates nothing.
type frame [positionSize + recordSize]byte

// encode fills the frame and returns the part that goes to disk.
func (f *frame) encode(b bucket, offset int64, key *[32]byte, expires int64) []byte {
	f.place(b, offset)
	record := f[positionSize:]
	copy(record[:32], key[:])
	binary.LittleEndian.PutUint64(record[32:40], uint64(expires))
	binary.LittleEndian.PutUint32(record[40:44], f.sum())
	return record
}

// decode checks record as it stands at offset. ok is false when the checksum
// differs or when expires lies outside of the bucket.
func (f *frame) decode(b bucket, offset int64, record []byte) (key [32]byte, ok bool) {
	f.place(b, offset)
	copy(f[positionSize:], record)
	expires := int64(binary.LittleEndian.Uint64(record[32:40]))
	if binary.LittleEndian.Uint32(record[40:44]) != f.sum() {
		return key, false
	}
	if expires < 0 || expires > lastSecond || bucketOf(expires) != b {
		return key, false
	}
	copy(key[:], record[:32])
	return key, true
}

func (f *frame) place(b bucket, offset int64) {
	binary.LittleEndian.PutUint64(f[0:8], uint64(b))
	binary.LittleEndian.PutUint64(f[8:16], uint64(offset))
}

func (f *frame) sum() uint32 {
	return crc32.Checksum(f[:positionSize+recordSize-4], castagnoli)
}

// header returns the first 32 bytes of the segment of b.
func header(b bucket) [headerSize]byte {
	var h [headerSize]byte
	copy(h[:8], segmentMagic)
	binary.LittleEndian.PutUint32(h[8:12], segmentVersion)
	binary.LittleEndian.PutUint32(h[12:16], span)
	binary.LittleEndian.PutUint64(h[16:24], uint64(b))
	binary.LittleEndian.PutUint32(h[28:32], crc32.Checksum(h[:28], castagnoli))
	return h
}
