package search

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// lowerHex reports whether every one of the bytes, which are a multiple of eight, is a lower-case hexadecimal digit. It asks of eight
// at a time, in the highest bit of each: at least '0' and not beyond '9', or at least 'a' and not beyond 'f'. No sum carries into
// the next byte, since none of them is beyond ASCII.
func lowerHex(text []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	fit := uint64(tops)
	for ; len(text) >= 8; text = text[8:] {
		x := binary.LittleEndian.Uint64(text)
		digit := (x + (0x80-'0')*ones) &^ (x + (0x7f-'9')*ones)
		letter := (x + (0x80-'a')*ones) &^ (x + (0x7f-'f')*ones)
		fit &= (digit | letter) &^ x
	}
	return fit&tops == tops
}

// writtenInstant reads a time of 27 bytes in the form that is written. false: it is none, or of another form, or of the first year,
// with which the zero time begins, which is none.
func writtenInstant(b []byte) (time.Time, bool) {
	_ = b[26]
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[26] != 'Z' {
		return time.Time{}, false
	}
	year := pair(b, 0)*100 + pair(b, 2)
	month, day := pair(b, 5), pair(b, 8)
	hour, minute, second := pair(b, 11), pair(b, 14), pair(b, 17)
	micro := (pair(b, 20)*100+pair(b, 22))*100 + pair(b, 24)
	if year < 2 || year > 9999 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59 ||
		micro > 999_999 {
		return time.Time{}, false
	}
	return time.Unix(daysSince1970(year, month, day)*86400+int64(hour*3600+minute*60+second), int64(micro)*1000).UTC(), true
}

// pair is the number that two decimal digits make, and far beyond any where they are none.
func pair(b []byte, i int) int {
	high, low := int(b[i]-'0'), int(b[i+1]-'0')
	if uint(high) > 9 || uint(low) > 9 {
		return 1 << 20
	}
	return high*10 + low
}

func daysOf(year, month int) int {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + bits.OnesCount(uint(0b1010110101010>>month)&1)
}

// daysSince1970 counts in years that begin in March, so that the day that is not always there is the last one.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return int64(year*365+year/4-year/100+year/400+(153*(month-3)+2)/5+day) - 719469
}
