package memory

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// A table behaves like a map from which everything that has ended is deleted.
func TestATableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seeds, table, want, mark := newSeeds(), table{}, map[uint64]bucket{}, int64(0)
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			number := rapid.Uint64Range(0, 150).Draw(t, "key")
			if rapid.IntRange(0, 40).Draw(t, "what") == 0 {
				mark += rapid.Int64Range(0, 300).Draw(t, "ahead")
				table.drop(mark)
				for key, b := range want {
					if b.end() <= mark {
						delete(want, key)
					}
				}
			} else {
				b := bucketOf(mark + rapid.Int64Range(1, 600).Draw(t, "life"))
				table.put(seeds.of(number), b)
				want[number] = b
			}
			for key := range uint64(151) {
				b, known := table.held(seeds.of(key))
				if wanted, there := want[key]; known != there || known && b != wanted {
					t.Fatalf("key %d: %d, %v; want %d, %v", key, b, known, wanted, there)
				}
			}
		}
		if table.used != len(want) {
			t.Fatalf("%d entries, want %d", table.used, len(want))
		}
	})
}

func (s *seeds) of(number uint64) fingerprint {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], number)
	return s.print(&key)
}

// From some hundred entries on, an entry takes at most 32 bytes, however many there are.
func TestAnEntryTakesAtMost32Bytes(t *testing.T) {
	seeds, table := newSeeds(), table{}
	const place = int(unsafe.Sizeof(fingerprint{}) + unsafe.Sizeof(uint32(0)))
	for number := range uint64(300_000) {
		table.put(seeds.of(number), 1)
		if taken := len(table.print) * place; table.used > 200 && taken > 32*table.used {
			t.Fatalf("%d entries take %d bytes", table.used, taken)
		}
	}
}
