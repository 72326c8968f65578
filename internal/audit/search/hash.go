package search

import "encoding/binary"

// hash spreads a request id over 64 bits, eight bytes at a time. It guards nothing: a collision costs one more look.
func hash(id []byte) uint64 {
	const spread = 0x9e3779b97f4a7c15
	h := uint64(len(id))
	for ; len(id) >= 8; id = id[8:] {
		h = (h ^ binary.LittleEndian.Uint64(id)) * spread
		h ^= h >> 32
	}
	for _, c := range id {
		h = (h ^ uint64(c)) * spread
	}
	return mixed(h)
}

// hashFirst is the hash in index files of the first version: FNV-1a, then mixed.
func hashFirst(id []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mixed(h)
}

// mixed lets every bit of h reach every other.
func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
