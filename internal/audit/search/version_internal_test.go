package search

import (
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/internal/audit/search/recordtest"
)

// TestAnIndexOfTheFirstVersionIsReadAsItIs: request ids are found in it by the hash that it has, and it is not made again.
func TestAnIndexOfTheFirstVersionIsReadAsItIs(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	r.Write(3000, false)
	r.Write(10, false)
	quiet := slog.New(slog.DiscardHandler)
	s, err := Open(Config{Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Find(t.Context(), Query{Limit: 3000, OldestFirst: true})
	if err != nil || len(page.Found) != 3000 {
		t.Fatalf("%d found, %v", len(page.Found), err)
	}
	name := filepath.Join(dir, "index", indexName(1))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	asBefore(t, b, page.Found)
	if err := os.WriteFile(name, forge(b), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(Config{Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range page.Found[:50] {
		got, err := s.Find(t.Context(), Query{RequestID: string(f.Line.RequestID)})
		if err != nil || len(got.Found) != 1 || got.Found[0].Row != f.Row {
			t.Fatalf("%s: %d found, %v", f.Line.RequestID, len(got.Found), err)
		}
	}
	if len(s.liars) > 0 || !s.volumes[0].parts[0].former {
		t.Error("it was made again")
	}
}

// asBefore turns the one part of an index file into one of the first version: the other hashes in their buckets, in the order of rows.
func asBefore(t *testing.T, b []byte, found []Found) {
	t.Helper()
	h, err := parseHead(b[:headSize])
	if err != nil || h.former || int(h.rows) != len(found)+1 {
		t.Fatalf("%+v, %v", h, err)
	}
	var hashes []requestRow
	for _, f := range found {
		hashes = append(hashes, requestRow(hashFirst(f.Line.RequestID)&^(partRows-1)|f.Row))
	}
	at := h.blobs[blobRequest].offset
	for i, bucket := range inBuckets(hashes) {
		copy(b[headSize+int(at):], bucket)
		h.blobs[blobRequest+i].offset, h.blobs[blobRequest+i].length = at, uint32(len(bucket))
		at += uint32(len(bucket))
	}
	h.former = true
	copy(b, h.append(nil))
	if binary.LittleEndian.Uint32(b[4:])>>8 != firstVersion {
		t.Fatal("the version is not written")
	}
}
