package search

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// Rows are chosen as one would choose them one by one: of every length, for values at the ends of what two bytes can hold, for
// one value and for a run of them.
func TestPairsAreChosenAsOneByOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := []uint16{0, 1, 2, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff}
	for rows := 1; rows <= 200; rows++ {
		column := make([]byte, 0, 2*rows)
		for range rows {
			column = binary.LittleEndian.AppendUint16(column, values[random.IntN(len(values))])
		}
		for _, low := range values {
			for _, distance := range []uint16{0, 1, 2} {
				if low+distance < low {
					continue
				}
				set := make(rowSet, (rows+63)/64)
				set.fill(0, uint32(rows))
				keepPairs(set, column, low, distance)
				for row := range rows {
					v := binary.LittleEndian.Uint16(column[2*row:])
					if got, want := set[row/64]>>(row%64)&1 == 1, v >= low && v-low <= distance; got != want {
						t.Fatalf("row %d of %d: %#x chosen %v for %#x to %#x", row, rows, v, got, low, low+distance)
					}
				}
			}
		}
	}
}
