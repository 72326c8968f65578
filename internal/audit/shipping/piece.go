package shipping

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
)

const (
	// PieceSize is how many plain bytes of lines a piece takes before it is full.
	PieceSize = 1 << 20
	// MaxPiece bounds the plain bytes of a piece: a full one and one line more.
	MaxPiece = PieceSize + segment.MaxLine + 1
	// MaxEncoded bounds an encoded piece.
	MaxEncoded = MaxPiece + MaxPiece/8 + 4*maxHead

	maxHead    = 2 << 10
	timeLayout = "2006-01-02T15:04:05.000000Z"
)

// Place is where the bytes of a piece stand in its stream: pieces of one stream are in order by it.
type Place struct {
	Segment uint64 // number of the segment; 0: the book
	Offset  int64  // in the plain bytes
}

// Less reports whether p comes before q.
func (p Place) Less(q Place) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Head is what a piece says of itself.
type Head struct {
	Stream
	Place
	Size   int64    // plain bytes; 0: it only says that the segment is closed
	Lines  int      // whole lines in them
	Last   uint64   // of segments: seq of the last line up to the end of the piece; of a book: number of its last statement
	Chain  [32]byte // of segments: chain value of that line
	Closed bool     // the segment is closed: it ends at Offset, with line Last. Size is 0
	Digest [32]byte // SHA-256 of the plain bytes
	Key    string   // of a book: the public key, as its file has it, that the node says it signs with; empty: it says none
	At     time.Time
}

// End is the place behind a piece, where the next one of its segment begins.
func (h *Head) End() Place { return Place{h.Segment, h.Offset + h.Size} }

// Piece is whole lines of one file of a node's record.
type Piece struct {
	Head
	Body []byte // the lines with their line feeds; Size bytes
}

// Seal sets size, count and digest of a piece from its lines.
func (p *Piece) Seal() {
	p.Size, p.Lines, p.Digest = int64(len(p.Body)), bytes.Count(p.Body, []byte{'\n'}), sha256.Sum256(p.Body)
}

// Same reports whether two pieces of one place say the same.
func (h *Head) Same(other *Head) bool { return h.Digest == other.Digest && h.Closed == other.Closed }

// line appends the head as it is encoded, with its line feed.
func (h *Head) line(b []byte) []byte {
	b = fmt.Appendf(b, `{"countersign_piece":1,"node":"%s","scope":"%s","record":"%s","part":"%s","segment":%d,"offset":%d,"size":%d,"lines":%d,"last":%d,"chain":"%x"`,
		h.Node, h.Scope, h.Record, h.Part, h.Segment, h.Offset, h.Size, h.Lines, h.Last, h.Chain[:])
	if h.Closed {
		b = append(b, `,"closed":true`...)
	}
	if h.Key != "" {
		b = fmt.Appendf(b, `,"key":"%s"`, h.Key)
	}
	return fmt.Appendf(b, `,"digest":"%x","at":"%s"}`+"\n", h.Digest[:], h.At.UTC().Format(timeLayout))
}

// Encode makes the bytes of a piece as depots keep them: its head as a line of JSON, then its lines, compressed. The piece must be
// sealed. The error wraps ErrMalformed where it is none.
func (p *Piece) Encode() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Size != int64(len(p.Body)) {
		return nil, fmt.Errorf("%w: it was not sealed", ErrMalformed)
	}
	var b bytes.Buffer
	b.Write(p.line(nil))
	if p.Size == 0 {
		return b.Bytes(), nil
	}
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(p.Body)
	}
	if err == nil {
		err = z.Close()
	}
	return b.Bytes(), err
}

// check refuses what no piece can be.
func (h *Head) check() error {
	if err := h.Stream.Check(); err != nil {
		return err
	}
	wrong := ""
	switch {
	case h.Part == Lines && (h.Segment == 0 || h.Segment >= math.MaxInt64) || h.Part == Book && h.Segment != 0:
		wrong = "its part has no such segment"
	case h.Offset < 0 || h.Offset > math.MaxInt64-MaxPiece || h.Size < 0 || h.Size > MaxPiece || h.Lines < 0 || int64(h.Lines) > h.Size:
		wrong = "its numbers are out of bounds"
	case h.Closed != (h.Size == 0) || h.Closed && (h.Part != Lines || h.Offset == 0):
		wrong = "it has no lines, and does not close a segment"
	case (h.Size == 0) != (h.Lines == 0) || h.Last == 0:
		wrong = "it counts no lines"
	case h.At.Year() < 1 || h.At.Year() > 9999:
		wrong = "it has no time"
	case h.Key != "" && h.Part != Book:
		wrong = "a key belongs to a book"
	}
	if wrong == "" && h.Key != "" {
		if key, err := checkpoint.ParsePublic(h.Key); err != nil || key.String() != h.Key {
			wrong = "its key is none"
		}
	}
	if wrong != "" {
		return fmt.Errorf("%w: %s", ErrMalformed, wrong)
	}
	return nil
}

// ParseHead reads the first line of an encoded piece, in the one spelling that Encode has. rest are the bytes behind it. The error
// wraps ErrMalformed.
func ParseHead(text []byte) (h Head, rest []byte, err error) {
	end := bytes.IndexByte(text[:min(len(text), maxHead)], '\n')
	if end < 0 {
		return h, nil, fmt.Errorf("%w: it has no head", ErrMalformed)
	}
	var said struct {
		Node, Scope, Record, Part, Chain, Key, Digest, At string
		Segment, Last                                     uint64
		Offset, Size                                      int64
		Lines                                             int
		Closed                                            bool
	}
	if json.Unmarshal(text[:end], &said) != nil {
		return h, nil, fmt.Errorf("%w: its head is no JSON", ErrMalformed)
	}
	h = Head{Stream: Stream{said.Node, said.Scope, said.Record, Part(said.Part)}, Place: Place{said.Segment, said.Offset}, Size: said.Size,
		Lines: said.Lines, Last: said.Last, Closed: said.Closed, Key: said.Key}
	if h.At, err = time.Parse(timeLayout, said.At); err != nil || !unhex(&h.Chain, said.Chain) || !unhex(&h.Digest, said.Digest) {
		return h, nil, fmt.Errorf("%w: its time, chain value or digest is none", ErrMalformed)
	}
	if err := h.check(); err != nil {
		return h, nil, err
	}
	if !bytes.Equal(text[:end+1], h.line(nil)) {
		return h, nil, fmt.Errorf("%w: its head is spelt in another way", ErrMalformed)
	}
	return h, text[end+1:], nil
}

func unhex(into *[32]byte, text string) bool {
	if len(text) != 64 {
		return false
	}
	_, err := hex.Decode(into[:], []byte(text))
	return err == nil
}

// Parse reads an encoded piece, and proves that its lines are those that its head has the digest of. It does not prove the lines. The
// error wraps ErrMalformed.
func Parse(text []byte) (*Piece, error) {
	if len(text) > MaxEncoded {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrMalformed, len(text))
	}
	h, rest, err := ParseHead(text)
	if err != nil {
		return nil, err
	}
	p := &Piece{Head: h}
	if p.Body, err = inflate(rest, h.Size); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case sha256.Sum256(p.Body) != h.Digest:
		return nil, fmt.Errorf("%w: its bytes are not those of its digest", ErrMalformed)
	case bytes.Count(p.Body, []byte{'\n'}) != h.Lines || h.Size > 0 && p.Body[h.Size-1] != '\n':
		return nil, fmt.Errorf("%w: it does not have the lines that it counts", ErrMalformed)
	}
	return p, nil
}

// ParseAt is Parse for a piece that must be the one of a place: an engine asks with it whether what it found is what was asked for. The
// error is a *BadPiece.
func ParseAt(text []byte, s Stream, at Place) (*Piece, error) {
	p, err := Parse(text)
	if err == nil && (p.Stream != s || p.Place != at) {
		err = fmt.Errorf("%w: it is the piece of another place", ErrMalformed)
	}
	if err != nil {
		return nil, &BadPiece{Text: text, Cause: err}
	}
	return p, nil
}

// BadPiece is the error about bytes that are not the piece that should be there.
type BadPiece struct {
	Text  []byte // what is there; the beginning of it, where it is too long
	Cause error  // wraps ErrMalformed
}

// Error implements error.
func (b *BadPiece) Error() string { return b.Cause.Error() }

// Unwrap is the cause.
func (b *BadPiece) Unwrap() error { return b.Cause }

// inflate takes exactly size bytes out of one compressed member.
func inflate(text []byte, size int64) ([]byte, error) {
	if size == 0 {
		if len(text) > 0 {
			return nil, errors.New("bytes where there should be none")
		}
		return nil, nil
	}
	in := bytes.NewReader(text)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	body := make([]byte, size)
	if _, err := io.ReadFull(z, body); err != nil {
		return nil, fmt.Errorf("its compressed bytes were changed: %w", err)
	}
	n, err := z.Read(make([]byte, 1))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("its compressed bytes were changed: %w", err)
	case n != 0 || err == nil || in.Len() > 0:
		return nil, errors.New("there are more bytes than its head says")
	}
	return body, nil
}

// HeadText is the head as Encode writes it, with its line feed: what an engine keeps of the last piece of a stream.
func (h *Head) HeadText() string { return string(h.line(nil)) }
