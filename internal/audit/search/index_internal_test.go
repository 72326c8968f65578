package search

import (
	"bytes"
	"context"
	"hash/crc32"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/search/recordtest"
)

// FuzzIndex takes an index that somebody has forged with care: every checksum fits. It is white-box for that alone. Whatever
// stands in it, nothing breaks, and only lines that were asked for come out.
func FuzzIndex(f *testing.F) {
	dir := f.TempDir()
	r := recordtest.New(f, dir)
	r.Write(300, false)
	r.Write(0, false)
	s, err := Open(Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Rebuild(context.Background()); err != nil {
		f.Fatal(err)
	}
	index := filepath.Join(dir, "index", indexName(1))
	whole, err := os.ReadFile(index)
	if err != nil {
		f.Fatal(err)
	}
	for kind := range uint8(6) {
		f.Add(whole, kind, uint16(0), byte(0))
		f.Add(whole, kind, uint16(70), byte(0x80))
		f.Add(whole, kind, uint16(headSize+5), byte(0xff))
		f.Add(whole, kind, uint16(len(whole)-9), byte(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint8, at uint16, flip byte) {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[int(at)%len(b)] ^= flip
		}
		if err := os.WriteFile(index, forge(b), 0o600); err != nil {
			t.Fatal(err)
		}
		q := []Query{{Partner: "ptn_000000"}, {RequestID: "00"}, {Decision: "refuse"}, {Address: netip.MustParsePrefix("198.51.0.0/20")},
			{From: recordtest.Begin, To: recordtest.Begin.Add(time.Second)}, {Environment: "sandbox", API: "card", Reason: "allowed"}}[kind%6]
		q.OldestFirst = kind&8 != 0
		fresh, err := Open(Config{Dir: dir, ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		page, err := fresh.Find(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range page.Found {
			if !q.Match(&found.Line) {
				t.Errorf("%+v found %s", q, found.Text)
			}
		}
	})
}

// forge sets every checksum in b right, as far as the numbers in it allow.
func forge(b []byte) []byte {
	if len(b) < headSize {
		return b
	}
	table := b[headSize-4-blobCount*12 : headSize-4]
	body := b[headSize:]
	for i := range blobCount {
		one := table[i*12 : i*12+12]
		offset, length := le32(one), le32(one[4:])
		if uint64(offset)+uint64(length) <= uint64(len(body)) {
			put32(one[8:], crc32.Checksum(body[offset:offset+length], castagnoli))
		}
	}
	put32(b[headSize-4:], crc32.Checksum(b[:headSize-4], castagnoli))
	return b
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func put32(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}
