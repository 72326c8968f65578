package segment

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// liar is a compressor that does not write what it was given.
type liar struct {
	deflater
	change func([]byte) []byte
}

func (l liar) Write(b []byte) (int, error) {
	_, err := l.deflater.Write(l.change(bytes.Clone(b)))
	return len(b), err
}

// TestACompressorThatLiesIsFoundOut before a byte of it is written.
func TestACompressorThatLiesIsFoundOut(t *testing.T) {
	text := bytes.Repeat([]byte("a line of the record\n"), 20_000)
	for name, change := range map[string]func([]byte) []byte{
		"another bit":   func(b []byte) []byte { b[len(b)/3] ^= 1; return b },
		"one byte less": func(b []byte) []byte { return b[:len(b)-1] },
		"one byte more": func(b []byte) []byte { return append(b, '\n') },
		"nothing":       func([]byte) []byte { return nil },
	} {
		p, err := newPacker(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		p.zip = liar{p.zip, change}
		if out, err := p.next(); !errors.Is(err, errUnproven) {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
	p, err := newPacker(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p.zip = &spiller{deflater: p.zip}
	if out, err := p.next(); !errors.Is(err, errUnproven) {
		t.Errorf("bytes behind the stream: %d bytes, %v", len(out), err)
	}
}

// spiller writes something behind its stream.
type spiller struct {
	deflater
	to io.Writer
}

func (s *spiller) Reset(to io.Writer) {
	s.to = to
	s.deflater.Reset(to)
}

func (s *spiller) Close() error {
	err := s.deflater.Close()
	_, _ = s.to.Write([]byte{3, 0})
	return err
}

// TestEveryMemberFits, whatever the bytes are and however they arrive: text, noise, long lines, no lines, and all lengths about the
// size of a member. Nothing but the last line is cut that fits.
func TestEveryMemberFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 5*memberSize)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	lines := bytes.Repeat([]byte("a line of the record, which is short\n"), 20_000)
	long := append(append(bytes.Repeat([]byte("x"), MaxLine), '\n'), lines...)
	bare := bytes.ReplaceAll(noise, []byte{'\n'}, []byte{'-'})
	for name, text := range map[string][]byte{
		"nothing": nil, "one byte": {'x'}, "lines": lines, "noise": noise, "noise without a line": bare, "a long line": long,
		"a member": lines[:memberSize], "a member less one": bare[:memberSize-1], "a member and one": bare[:memberSize+1],
		"a piece": bare[:pieceSize], "a piece and one": bare[:pieceSize+1], "a piece of lines, torn": lines[:pieceSize-1],
	} {
		for way, in := range map[string]io.Reader{"whole": bytes.NewReader(text), "in halves": iotest.HalfReader(bytes.NewReader(text))} {
			zipped := packed(t, in)
			if got := unpackStandard(t, zipped); !bytes.Equal(got, text) {
				t.Fatalf("%s %s: %d bytes became %d", name, way, len(text), len(got))
			}
			seesLines(t, name, text, zipped)
		}
	}
}

// seesLines checks that a member ends within a line only where it is as long as a member can be.
func seesLines(t *testing.T, name string, text, zipped []byte) {
	t.Helper()
	for m, err := range Members(bytes.NewReader(zipped), int64(len(zipped))) {
		if len(text) == 0 {
			continue // a file of no bytes holds no member
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		end := m.Plain + m.Length
		if text[end-1] != '\n' && end < int64(len(text)) && m.Length != memberSize {
			t.Errorf("%s: %+v ends within a line", name, m)
		}
	}
}

func packed(t testing.TB, in io.Reader) (zipped []byte) {
	t.Helper()
	p, err := newPacker(in)
	if err != nil {
		t.Fatal(err)
	}
	for {
		batch, err := p.next()
		if errors.Is(err, io.EOF) {
			return zipped
		}
		if err != nil {
			t.Fatal(err)
		}
		zipped = append(zipped, batch...)
	}
}

func unpackStandard(t testing.TB, zipped []byte) []byte {
	t.Helper()
	if len(zipped) == 0 {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAReadThatFailsIsNoEnd: half of a segment is not taken for all of it.
func TestAReadThatFailsIsNoEnd(t *testing.T) {
	fault := errors.New("input/output error")
	p, err := newPacker(io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(fault)))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := p.next(); !errors.Is(err, fault) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}
