package search

import "encoding/binary"

// keepBytes keeps the rows with a value of at least first and below end. Its loops have no branch: whether a busy partner's row
// comes next cannot be guessed.
func keepBytes(set rowSet, column []byte, first, end uint32) {
	low, span := byte(first), uint64(byte(end-first-1))
	for i := range set {
		if set[i] == 0 {
			continue
		}
		var fit uint64
		for bit, v := range column[i*64 : min(i*64+64, len(column))] {
			fit |= (1 ^ (span-uint64(v-low))>>63) << (bit & 63)
		}
		set[i] &= fit
	}
}

// keepPairs is keepBytes for two bytes a row; distance is that of the last wanted value from low.
func keepPairs(set rowSet, column []byte, low, distance uint16) {
	span := uint64(distance)
	for i := range set {
		if set[i] == 0 {
			continue
		}
		run := column[i*128 : min(i*128+128, len(column))]
		var fit uint64
		bit := 0
		if distance == 0 {
			fit, bit = equalPairs(run, low)
		}
		for run = run[2*bit:]; len(run) >= 2; bit++ {
			fit |= (1 ^ (span-uint64(binary.LittleEndian.Uint16(run)-low))>>63) << (bit & 63)
			run = run[2:]
		}
		set[i] &= fit
	}
}

// Four values of two bytes in one word: the lowest bit of each, all others but the highest, and what gathers the lowest bits
// behind one another in the highest 16.
const (
	eachPair   = 0x0001_0001_0001_0001
	belowTop   = 0x7fff * eachPair
	gatherPair = 1<<48 | 1<<33 | 1<<18 | 1<<3
)

// equalPairs marks the rows of run, at most 64, that have one value; so many it has looked at, four at a time. One partner
// among ten thousand is what a record of ten million lines is asked for most often.
func equalPairs(run []byte, value uint16) (fit uint64, rows int) {
	pattern := uint64(value) * eachPair
	for ; len(run) >= 8; rows += 4 {
		differ := binary.LittleEndian.Uint64(run) ^ pattern
		some := (differ&belowTop + belowTop) | differ // its highest bits: whether a value differs anywhere
		fit |= (^some >> 15 & eachPair) * gatherPair >> 48 & 15 << (rows & 63)
		run = run[8:]
	}
	return fit, rows
}
