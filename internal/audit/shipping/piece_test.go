package shipping_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
)

// TestNamesOfNodesLeadNowhere: a name becomes a folder.
func TestNamesOfNodesLeadNowhere(t *testing.T) {
	for _, good := range []string{"a", "0", "gateway-1", "eu.west.gateway-1", strings.Repeat("a", 63)} {
		if err := shipping.CheckNode(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a..b", "../a", "a/b", "a/", "/a", `a\b`, "-a", "a-", ".a", "a.", "A", "a b", "a\x00", "ä", "a\n", "~", "con:", strings.Repeat("a", 64)} {
		if err := shipping.CheckNode(bad); !errors.Is(err, shipping.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "a", "a/_", "a/_/" + depottest.Record + "/x", "../_/" + depottest.Record, "a/../" + depottest.Record, "a//" + depottest.Record,
		"a/" + strings.Repeat("production+", 23) + "sandbox/" + depottest.Record, // no file system takes such a name
		"a/x+/" + depottest.Record, "a/+x/" + depottest.Record, "a/x++y/" + depottest.Record, "a/-x/" + depottest.Record, "a/_/" + strings.Repeat("A", 32), "a/_/.."} {
		if s, err := shipping.ParseFolder(bad, shipping.Lines); !errors.Is(err, shipping.ErrMalformed) {
			t.Errorf("%q: %+v, %v", bad, s, err)
		}
	}
}

// TestNoPieceIsWhatItIsNot: every byte of an encoded piece counts.
func TestEveryByteOfAPieceCounts(t *testing.T) {
	p := depottest.PieceOf("a", 3, 7, "one\ntwo\nthree\n")
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for _, bit := range []byte{1, 0x20, 0x80} {
			other := bytes.Clone(text)
			other[i] ^= bit
			got, err := shipping.Parse(other)
			if err == nil && (got.Head == p.Head && bytes.Equal(got.Body, p.Body)) && i > 300 {
				continue // a byte of the compressed form that means nothing: its time, its system
			}
			if err == nil && string(got.Body) != string(p.Body) {
				t.Errorf("byte %d: other lines came", i)
			}
			if err != nil && !errors.Is(err, shipping.ErrMalformed) {
				t.Errorf("byte %d: %v", i, err)
			}
		}
	}
	for n := range text {
		if _, err := shipping.Parse(text[:n]); !errors.Is(err, shipping.ErrMalformed) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
	if _, err := shipping.Parse(append(bytes.Clone(text), text...)); !errors.Is(err, shipping.ErrMalformed) {
		t.Error("twice: ", err)
	}
	bomb := *p
	bomb.Body = make([]byte, shipping.MaxPiece+1)
	bomb.Seal()
	if _, err := bomb.Encode(); !errors.Is(err, shipping.ErrMalformed) {
		t.Error("too long: ", err)
	}
}

func FuzzPiece(f *testing.F) {
	for _, p := range []*shipping.Piece{depottest.PieceOf("a", 3, 7, "one\ntwo\n"), depottest.PieceOf("a.b-c", 1, 0, "x\n")} {
		text, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := shipping.Parse(text)
		if err != nil {
			if !errors.Is(err, shipping.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if other, err := shipping.Parse(again); err != nil || other.Head != p.Head || !bytes.Equal(other.Body, p.Body) {
			t.Fatalf("%v: it came back as something else", err)
		}
	})
}

func FuzzFolder(f *testing.F) {
	f.Add("a/_/" + depottest.Record)
	f.Add("../x+y/" + depottest.Record)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := shipping.ParseFolder(text, shipping.Book)
		if err != nil {
			return
		}
		if s.Folder() != text || !filepath.IsLocal(text) || filepath.Clean(text) != text {
			t.Fatalf("%q is taken for %+v", text, s)
		}
	})
}
