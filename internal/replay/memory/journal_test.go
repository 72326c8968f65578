package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
)

const (
	headerSize = 32
	recordSize = 44
	segment    = "0029393765.seg" // the minute of now+300
)

// written returns a disk with n claims in one segment.
func written(t testing.TB, n int) *disk {
	d := newDisk()
	g, err := memory.Open(memory.Config{Dir: t.TempDir(), Files: d, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for i := range n {
		if fresh, err := g.Claim(replaytest.Key(i), now+300, now); !fresh || err != nil {
			t.Fatal(fresh, err)
		}
	}
	return d
}

// A segment that was cut short anywhere loses the torn record only.
func TestRule8TruncatedJournalKeepsWholeRecords(t *testing.T) {
	whole := written(t, 3)
	dir := t.TempDir()
	for size := range whole.files[segment] {
		d := whole.copy()
		d.files[segment] = d.files[segment][:size]
		g := open(t, memory.Config{Dir: dir, Files: d})
		kept := max(0, size-headerSize) / recordSize
		if got := g.Recovery(); got.Entries != kept {
			t.Fatalf("cut to %d bytes: %d entries, want %d", size, got.Entries, kept)
		}
		for n := range kept {
			replaytest.Refused(t, g, replaytest.Key(n), now+300, now)
		}
		replaytest.Fresh(t, g, replaytest.Key(9), now+300, now)
		g.Close()
		g = open(t, memory.Config{Dir: dir, Files: d}) // the file goes on soundly behind the cut
		replaytest.Refused(t, g, replaytest.Key(9), now+300, now)
		if g.Recovery().CutBytes != 0 {
			t.Fatalf("cut to %d bytes: %d bytes were still torn", size, g.Recovery().CutBytes)
		}
		g.Close()
	}
}

// Any changed byte but in the last record refuses to open and says where.
func TestRule8DamagedJournalDoesNotOpen(t *testing.T) {
	whole := written(t, 3)
	for at := range whole.files[segment] {
		d := whole.copy()
		d.files[segment][at] ^= 0x10
		config := memory.Config{Dir: t.TempDir(), Files: d}
		if at >= headerSize+2*recordSize {
			g := open(t, config)
			if got := g.Recovery(); got.Entries != 2 || got.CutBytes != recordSize {
				t.Fatalf("byte %d: %+v, want the last record cut", at, got)
			}
			g.Close()
			continue
		}
		record := 0
		if at >= headerSize {
			record = headerSize + (at-headerSize)/recordSize*recordSize
		}
		refuses(t, config, memory.ErrDamaged, segment, fmt.Sprintf("offset %d;", record), "1763625959")
	}
}

// After its claims have expired a damaged segment is deleted unread: the guard
// starts again by itself.
func TestDamagedSegmentExpires(t *testing.T) {
	d := written(t, 3)
	d.files[segment][headerSize] ^= 1
	refuses(t, memory.Config{Dir: t.TempDir(), Files: d, Now: at(now + 359)}, memory.ErrDamaged)
	g := open(t, memory.Config{Dir: t.TempDir(), Files: d, Now: at(now + 360)})
	replaytest.Unknown(t, g, replaytest.Key(0), now+300, now)
}

func TestRule8JournalIsNotPutTogetherAnew(t *testing.T) {
	record := func(n int) (from, to int) { return headerSize + n*recordSize, headerSize + (n+1)*recordSize }
	for name, change := range map[string]func(d *disk){
		"records swapped": func(d *disk) {
			data := d.files[segment]
			a, b := record(0)
			c, e := record(1)
			first := bytes.Clone(data[a:b])
			copy(data[a:b], data[c:e])
			copy(data[c:e], first)
		},
		"record taken out": func(d *disk) {
			a, b := record(0)
			d.files[segment] = append(d.files[segment][:a:a], d.files[segment][b:]...)
		},
		"renamed to another minute":  func(d *disk) { d.files["0029393766.seg"] = d.files[segment] },
		"name with another spelling": func(d *disk) { d.files["29393765.seg"] = nil },
		"name that is no number":     func(d *disk) { d.files["002939376x.seg"] = nil },
		"name beyond the calendar":   func(d *disk) { d.files["4294967295.seg"] = nil },
		"mark missing":               func(d *disk) { delete(d.files, "pruned") },
		"mark cut":                   func(d *disk) { d.files["pruned"] = d.files["pruned"][:20] },
		"mark longer":                func(d *disk) { d.files["pruned"] = append(d.files["pruned"], 0) },
		"both slots of the mark bad": func(d *disk) { d.files["pruned"][9] ^= 1; d.files["pruned"][512+9] ^= 1 },
		"zeros before good records":  func(d *disk) { clear(d.files[segment][headerSize : headerSize+recordSize]) },
		"two bad records at the end": func(d *disk) {
			d.files[segment][headerSize+recordSize] ^= 1
			d.files[segment][headerSize+2*recordSize] ^= 1
		},
		"bad last record and a torn one": func(d *disk) {
			d.files[segment][headerSize+2*recordSize] ^= 1
			d.files[segment] = append(d.files[segment], 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := written(t, 3)
			change(d)
			refuses(t, memory.Config{Dir: t.TempDir(), Files: d}, memory.ErrDamaged)
		})
	}
}

// A loss of power can leave a file long but not written: zeros to its end.
func TestZerosAtTheEndAreCut(t *testing.T) {
	for _, zeros := range []int{1, 44, 45, 4096, 200_000} {
		d := written(t, 3)
		d.files[segment] = append(d.files[segment], make([]byte, zeros)...)
		g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
		if got := g.Recovery(); got.Entries != 3 || got.CutBytes != int64(zeros) {
			t.Errorf("%d zeros: %+v", zeros, got)
		}
		empty := written(t, 1)
		empty.files[segment] = make([]byte, zeros)
		g = open(t, memory.Config{Dir: t.TempDir(), Files: empty})
		replaytest.Fresh(t, g, replaytest.Key(7), now+300, now)
	}
}

// One bad slot of the mark leaves the other.
func TestOneBadSlotOfTheMarkIsHarmless(t *testing.T) {
	whole := written(t, 1)
	g := open(t, memory.Config{Dir: t.TempDir(), Files: whole, Now: at(now + 600)})
	g.Close()
	for _, slot := range []int{0, 512} {
		for i := range 20 {
			d := whole.copy()
			d.files["pruned"][slot+i] ^= 1
			g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
			replaytest.Unknown(t, g, replaytest.Key(0), now+300, now)
			g.Close()
		}
	}
}

func TestLargeSegmentsAreReadWhole(t *testing.T) {
	d := written(t, 5000) // several chunks
	g := open(t, memory.Config{Dir: t.TempDir(), Files: d})
	for n := range 5000 {
		replaytest.Refused(t, g, replaytest.Key(n), now+300, now)
	}
}

// FuzzJournal feeds any bytes as a segment and as a mark: opening never panics,
// and either fails with ErrDamaged or leaves a guard that works and whose journal
// opens again with the same entries.
func FuzzJournal(f *testing.F) {
	whole := written(f, 3)
	segmentBytes, mark := whole.files[segment], whole.files["pruned"]
	f.Add(segmentBytes, mark)
	f.Add(segmentBytes[:100], mark)
	f.Add(segmentBytes[:headerSize], mark)
	f.Add([]byte{}, mark)
	f.Add(make([]byte, 300), mark)
	f.Add(append(bytes.Clone(segmentBytes), 1, 2, 3), mark)
	f.Add(segmentBytes, mark[:19])
	f.Add(segmentBytes, []byte(strings.Repeat("CSPRUNED", 70)))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, segmentBytes, mark []byte) {
		d := newDisk()
		d.files[segment], d.files["pruned"] = bytes.Clone(segmentBytes), bytes.Clone(mark)
		config := memory.Config{Dir: dir, Files: d, Now: clock, Shards: 1}
		g, err := memory.Open(config)
		if err != nil {
			if !errors.Is(err, memory.ErrDamaged) && !errors.Is(err, memory.ErrClock) {
				t.Fatalf("error %v", err)
			}
			return
		}
		entries := g.Recovery().Entries
		if max := len(segmentBytes) / recordSize; entries > max {
			t.Fatalf("%d entries from %d bytes", entries, len(segmentBytes))
		}
		if _, err := g.Claim(replaytest.Key(77), now+300, now); err != nil {
			t.Fatal(err)
		}
		entries = g.Len()
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if g, err = memory.Open(config); err != nil {
			t.Fatalf("second start: %v", err)
		}
		defer g.Close()
		if got := g.Recovery(); got.Entries != entries || got.CutBytes != 0 {
			t.Fatalf("second start found %+v, want %d entries", got, entries)
		}
	})
}
