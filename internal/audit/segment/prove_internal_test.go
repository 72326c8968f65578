package segment

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"

	fast "github.com/klauspost/compress/flate"
)

// unflate unpacks with the standard library; rest is how many bytes it has not read.
func unflate(stream []byte, most int64) (plain []byte, rest int, err error) {
	in := bytes.NewReader(stream)
	plain, err = io.ReadAll(io.LimitReader(flate.NewReader(in), most))
	return plain, in.Len(), err
}

// streams are deflate streams of many kinds: all levels of two compressors, huge and empty, and such as were cut and flushed.
func streams(t testing.TB) (all [][]byte) {
	t.Helper()
	random := uint64(7)
	noise := make([]byte, 70_000)
	for i := range noise {
		random = random*6364136223846793005 + 1442695040888963407
		noise[i] = byte(random >> 56)
	}
	skewed := make([]byte, 60_000) // codes of all lengths
	for i := range skewed {
		skewed[i] = noise[i] & noise[i+1] & noise[i+2]
	}
	texts := [][]byte{nil, {'x'}, bytes.Repeat([]byte{0}, 100_000), noise, skewed, noise[:300],
		bytes.Repeat([]byte(`{"time":"2026-11-21T00:00:00.000000Z","decision":"allow","method":"GET"}`+"\n"), 900), append(skewed[:5000:5000], noise[:5000]...)}
	for _, text := range texts {
		for level := -2; level <= 9; level++ {
			var ours, others bytes.Buffer
			a, err := fast.NewWriter(&ours, level)
			if err != nil {
				t.Fatal(err)
			}
			b, err := flate.NewWriter(&others, level)
			if err != nil {
				t.Fatal(err)
			}
			for _, z := range []interface {
				io.WriteCloser
				Flush() error
			}{a, b} {
				_, _ = z.Write(text[:len(text)/2])
				_ = z.Flush()
				_, _ = z.Write(text[len(text)/2:])
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, ours.Bytes(), others.Bytes())
		}
	}
	return all
}

// TestTheProofHoldsForEveryStream that a compressor makes, and for no other text, no part of a stream, and nothing behind one.
func TestTheProofHoldsForEveryStream(t *testing.T) {
	var p prover
	for n, stream := range streams(t) {
		plain, rest, err := unflate(stream, 1<<20)
		if err != nil || rest != 0 {
			t.Fatalf("stream %d: %d bytes left, %v", n, rest, err)
		}
		if err := p.prove(stream, plain); err != nil {
			t.Fatalf("stream %d: %v", n, err)
		}
		bad := map[string]func() error{
			"a byte more":       func() error { return p.prove(stream, append(plain[:len(plain):len(plain)], 0)) },
			"a byte behind":     func() error { return p.prove(append(stream[:len(stream):len(stream)], 0), plain) },
			"a byte is missing": func() error { return p.prove(stream[:len(stream)-1], plain) },
		}
		if len(plain) > 0 {
			bad["a byte less"] = func() error { return p.prove(stream, plain[:len(plain)-1]) }
			for _, at := range []int{0, len(plain) / 3, len(plain) - 1} {
				changed := bytes.Clone(plain)
				changed[at] ^= 1
				bad["another byte"] = func() error { return p.prove(stream, changed) }
			}
		}
		for name, fault := range bad {
			if err := fault(); !errors.Is(err, errUnproven) {
				t.Errorf("stream %d, %s: %v", n, name, err)
			}
		}
	}
}

// TestTheProofReadsAsTheStandardLibraryDoes: streams with one bit changed, in the head or anywhere, are proven exactly where the standard library
// unpacks all of them, to what it unpacks them to.
func TestTheProofReadsAsTheStandardLibraryDoes(t *testing.T) {
	var p prover
	for n, stream := range streams(t) {
		if n%5 != 0 {
			continue // FuzzProve goes on
		}
		for i := range 60 {
			bit := i
			if i >= 40 {
				bit = (8*len(stream) - 1) * (i - 40) / 20
			}
			if bit >= 8*len(stream) {
				continue
			}
			changed := bytes.Clone(stream)
			changed[bit/8] ^= 1 << (bit % 8)
			agrees(t, &p, changed)
		}
	}
}

// agrees compares both readers.
func agrees(t testing.TB, p *prover, stream []byte) {
	t.Helper()
	const most = 200_000
	plain, rest, err := unflate(stream, most)
	if len(plain) == most {
		return // a member is not so large
	}
	sound := err == nil && rest == 0
	if fault := p.prove(stream, plain); (fault == nil) != sound {
		t.Fatalf("%x: standard library %v, %d bytes left; proof %v", stream[:min(len(stream), 100)], err, rest, fault)
	}
}

// FuzzProve: whatever the stream is, it is proven exactly where the standard library unpacks all of it, and of no other bytes.
func FuzzProve(f *testing.F) {
	for _, stream := range streams(f) {
		if len(stream) < 2000 {
			f.Add(stream, []byte("other"))
		}
	}
	var p prover
	f.Fuzz(func(t *testing.T, stream, other []byte) {
		agrees(t, &p, stream)
		if p.prove(stream, other) == nil {
			if plain, rest, err := unflate(stream, 1<<20); err != nil || rest != 0 || !bytes.Equal(plain, other) {
				t.Fatalf("%x is proven to hold %x", stream, other)
			}
		}
	})
}
