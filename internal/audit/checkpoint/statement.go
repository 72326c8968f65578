package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// MaxLine bounds a line of a book, in bytes without its line feed.
	MaxLine = 1 << 10

	label         = "countersign checkpoint 1\n"
	signatureMark = `,"signature":"`
	timeLayout    = "2006-01-02T15:04:05.000000Z"
)

// ErrMalformed is wrapped by the errors of Parse.
var ErrMalformed = errors.New("not a checkpoint")

// ErrSignature is wrapped by the error of a checkpoint that was not signed with the key it is verified with, or was changed.
var ErrSignature = errors.New("the signature of the checkpoint does not verify")

// Statement is one signed line of a book: an Anchor, its number in the book, and who signed.
type Statement struct {
	Anchor
	Number    uint64 // in the book, from 1 without gaps: a line that was taken out of its middle shows
	Key       string // id of the key
	signed    []byte // the bytes that the signature is of
	signature []byte
}

// sign makes the line of an anchor, without its line feed.
func (s *Signer) sign(a Anchor, number uint64) []byte {
	line := fmt.Appendf(nil, `{"checkpoint":%d,"record":"%s","id":"%s","seq":%d,"hash":"%x","at":"%s","key":"%s"`,
		number, a.Record, a.ID, a.Seq, a.Hash[:], a.At.UTC().Format(timeLayout), s.Public().ID())
	signature := ed25519.Sign(s.private, append([]byte(label), line...))
	return append(hex.AppendEncode(append(line, signatureMark...), signature), '"', '}')
}

// check refuses an anchor that no record can have.
func (a Anchor) check() error {
	id, err := hex.DecodeString(a.ID)
	switch {
	case a.Record != Changes && a.Record != Decisions:
		return fmt.Errorf("%w: there is no record %q", ErrMalformed, a.Record)
	case err != nil || len(id) != 16 || hex.EncodeToString(id) != a.ID:
		return fmt.Errorf("%w: the id of a record is 32 lower-case hexadecimal digits", ErrMalformed)
	case a.Seq == 0:
		return fmt.Errorf("%w: it anchors nothing", ErrMalformed)
	case a.At.Year() < 1 || a.At.Year() > 9999:
		return fmt.Errorf("%w: it has no time", ErrMalformed)
	}
	return nil
}

// Parse reads one line of a book, without its line feed, in the one spelling that a Signer has. It does not verify the
// signature. The error wraps ErrMalformed.
func Parse(line []byte) (Statement, error) {
	var said struct {
		Checkpoint                           uint64
		Record, ID, Hash, At, Key, Signature string
		Seq                                  uint64
	}
	if len(line) > MaxLine || json.Unmarshal(line, &said) != nil {
		return Statement{}, fmt.Errorf("%w: no line of JSON", ErrMalformed)
	}
	st := Statement{Anchor: Anchor{Record: said.Record, ID: said.ID, Seq: said.Seq}, Number: said.Checkpoint, Key: said.Key}
	at, err := time.Parse(timeLayout, said.At)
	if err != nil || len(said.Hash) != 2*len(st.Hash) {
		return Statement{}, fmt.Errorf("%w: its time or hash is none", ErrMalformed)
	}
	st.At = at
	if _, err := hex.Decode(st.Hash[:], []byte(said.Hash)); err != nil {
		return Statement{}, fmt.Errorf("%w: its hash is none", ErrMalformed)
	}
	if st.signature, err = hex.DecodeString(said.Signature); err != nil || len(st.signature) != ed25519.SignatureSize {
		return Statement{}, fmt.Errorf("%w: its signature is none", ErrMalformed)
	}
	if err := st.check(); err != nil {
		return Statement{}, err
	}
	if err := st.canonical(line); err != nil {
		return Statement{}, err
	}
	return st, nil
}

// canonical refuses any other spelling of st than a Signer's, and keeps the bytes that are signed.
func (st *Statement) canonical(line []byte) error {
	open := fmt.Appendf(nil, `{"checkpoint":%d,"record":"%s","id":"%s","seq":%d,"hash":"%x","at":"%s","key":"%s"`,
		st.Number, st.Record, st.ID, st.Seq, st.Hash[:], st.At.Format(timeLayout), st.Key)
	whole := append(hex.AppendEncode(append(bytes.Clone(open), signatureMark...), st.signature), '"', '}')
	if st.Number == 0 || !bytes.Equal(line, whole) {
		return fmt.Errorf("%w: it is spelt in another way", ErrMalformed)
	}
	st.signed = append([]byte(label), open...)
	return nil
}

// Verify proves that st was signed with p's private half and is unchanged. The error wraps ErrSignature.
func (p Public) Verify(st Statement) error {
	switch {
	case len(p.key) != ed25519.PublicKeySize:
		return fmt.Errorf("%w: there is no key", ErrSignature)
	case st.Key != p.ID():
		return fmt.Errorf("%w: it was signed with key %q, not with %s", ErrSignature, st.Key, p.ID())
	case !ed25519.Verify(p.key, st.signed, st.signature):
		return ErrSignature
	}
	return nil
}
