package audit

import (
	"fmt"
	"slices"
	"testing"
)

// TestNamesThatShareAPlaceStayApart: what changes left is found by the whole name, also where all names have the same hash, and over
// more rows than one piece of memory has.
func TestNamesThatShareAPlaceStayApart(t *testing.T) {
	for hashes, count := range map[uint64]int{1: 300, 7: 2 * leftPiece, 1 << 40: 2*leftPiece + 1} {
		left, model := newLeftRows(), map[string][32]byte{}
		spread := left.hash
		left.hash = func(name string) uint64 { return spread(name) % hashes }
		for round := range 2 {
			for i := range count {
				name := fmt.Sprintf("row/%d%.*s", i, i%400, fmt.Sprintf("%0400d", 0))
				if i == count/2 {
					name = ""
				}
				digest := [32]byte{byte(round + 1), byte(i), byte(i >> 8)}
				if round == 1 && i%3 == 0 {
					digest = [32]byte{}
				}
				left.set(name, digest)
				model[name] = digest
			}
		}
		var missing []string
		number := 0
		for name, digest := range model {
			r := left.find(name)
			if r == nil || r.digest != digest || string(left.name(r)) != name || r.gone() != (digest == [32]byte{}) {
				t.Fatalf("%d hashes: %.40q is %+v, want %x", hashes, name, r, digest)
			}
			if number++; number%2 == 0 {
				r.seen = true
			} else if digest != ([32]byte{}) {
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		if !slices.Equal(left.unseen(), missing) || left.find("row/none") != nil || !left.find("row/none").gone() || int(left.count) != len(model) {
			t.Errorf("%d hashes: %d rows of %d, %d not seen, want %d", hashes, left.count, len(model), len(left.unseen()), len(missing))
		}
	}
}
