package memory

import (
	"hash/maphash"
	"math/bits"
)

// table is a set of fingerprints, each with the minute in which it ends. It is an open-addressed table with linear probing: no
// pointer for the garbage collector to follow, 20 bytes for each place, and places grow by a fifth whenever 82 of a hundred
// are taken (BenchmarkMemory says what an entry takes). The zero value is empty. Not safe for concurrent use.
type table struct {
	print []fingerprint
	ends  []uint32 // bucket + 1; 0: the place is free
	used  int
}

// fingerprint stands for a key. Two keys of one fingerprint would make an honest request look like a repeated one, never the other
// way round; at ten million entries the chance is below 10⁻²⁴. Where it is looked for depends on it alone, and so on seeds that
// nobody else knows: nobody can choose requests that all come to lie in one place.
type fingerprint struct{ high, low uint64 }

const (
	leastPlaces      = 16
	fullShare        = 82 // of a hundred places
	growthNumerator  = 6
	growthDenominate = 5
)

// seeds are those of one process. The journal has whole keys.
type seeds [2]maphash.Seed

func newSeeds() seeds { return seeds{maphash.MakeSeed(), maphash.MakeSeed()} }

func (s *seeds) print(key *[32]byte) fingerprint {
	return fingerprint{maphash.Bytes(s[0], key[:]), maphash.Bytes(s[1], key[:])}
}

// find is the place of f, or the free one where it would be put. There is always a free one.
func (t *table) find(f fingerprint) int {
	home, _ := bits.Mul64(f.high, uint64(len(t.print)))
	at := int(home)
	for t.ends[at] != 0 && t.print[at] != f {
		if at++; at == len(t.print) {
			at = 0
		}
	}
	return at
}

// held is the bucket of f.
func (t *table) held(f fingerprint) (b bucket, known bool) {
	if t.used == 0 {
		return 0, false
	}
	end := t.ends[t.find(f)]
	return bucket(end - 1), end != 0
}

// put remembers f until the end of b, whatever it was remembered for before.
func (t *table) put(f fingerprint, b bucket) {
	if (t.used+1)*100 > len(t.print)*fullShare {
		t.resize(max(leastPlaces, len(t.print)*growthNumerator/growthDenominate), 0)
	}
	at := t.find(f)
	if t.ends[at] == 0 {
		t.print[at] = f
		t.used++
	}
	t.ends[at] = uint32(b) + 1
}

// drop forgets what ends at mark or before, and gives the memory back that is not needed any more.
func (t *table) drop(mark int64) {
	stay := 0
	for _, end := range t.ends {
		if end != 0 && bucket(end-1).end() > mark {
			stay++
		}
	}
	if stay < t.used {
		t.resize(max(leastPlaces, stay*100/fullShare*growthNumerator/growthDenominate), mark)
	}
}

// resize moves what ends after mark to so many places.
func (t *table) resize(places int, mark int64) {
	former, ends := t.print, t.ends
	t.print, t.ends, t.used = make([]fingerprint, places), make([]uint32, places), 0
	for i, end := range ends {
		if end == 0 || bucket(end-1).end() <= mark {
			continue
		}
		at := t.find(former[i])
		t.print[at], t.ends[at] = former[i], end
		t.used++
	}
}
