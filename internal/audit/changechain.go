package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The labels keep a hash of one purpose from being one of another (security rule 11).
const (
	genesisLabel = "countersign change record 1\n"
	changeLabel  = "countersign change 1\n"
	rowLabel     = "countersign row 1\n"
)

// RecordIDLen is the length of the id of a record: 32 lower-case hex digits, drawn once when the record is begun.
const RecordIDLen = 32

// Head is the end of the state-change record at one moment.
type Head struct {
	Record string   // id of the record: it tells the register from every other one
	Seq    uint64   // number of the last change; 0: there is none yet
	Hash   [32]byte // of the last change; of none: Genesis
}

// Touch says what a change left of one row of the register.
type Touch struct {
	Row    string   // "partner/ptn_…", "review/ptn_…/sandbox", "sealing_key/sandbox/1"; never empty
	Digest [32]byte // RowDigest of the row after the transaction; all zero: the row is gone
}

// Genesis is what the first change of a record follows: SHA-256 of a label and the id of the record, so that the chain of
// one register can never be continued by the rows of another.
func Genesis(record string) [32]byte { return sha256.Sum256([]byte(genesisLabel + record)) }

// ChangeHash is the hash of c that the next row has as its Prev: SHA-256 over a label, c.Prev, Seq, the time in
// microseconds, each text with its length before it, and the number of touched rows with each of them. c.Hash is not part
// of it. No two different rows share an input.
func ChangeHash(c Change) [32]byte {
	b := make([]byte, 0, 512+len(c.Touched)*96)
	b = append(b, changeLabel...)
	b = append(b, c.Prev[:]...)
	b = binary.BigEndian.AppendUint64(b, c.Seq)
	b = binary.BigEndian.AppendUint64(b, micros(c.At))
	for _, text := range []string{c.Actor, string(c.Action), c.Subject, c.Detail} {
		b = appendText(b, text)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(c.Touched)))
	return sha256.Sum256(appendTouched(b, c.Touched))
}

// micros is a time as it is hashed and stored: microseconds since 1970, 0 for none.
func micros(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMicro())
}

func appendText(b []byte, text string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(text)))
	return append(b, text...)
}

// maxTouchedRow bounds the name of a touched row in its stored form.
const maxTouchedRow = 1000

// ErrTouched is wrapped when the stored form of touched rows cannot be read.
var ErrTouched = errors.New("unreadable list of touched rows")

// FormatTouched is the form in which a store keeps touched: for each the length of Row in 8 bytes, Row, and the digest.
// None gives no bytes. ParseTouched reads it.
func FormatTouched(touched []Touch) []byte {
	return appendTouched(make([]byte, 0, len(touched)*96), touched)
}

func appendTouched(b []byte, touched []Touch) []byte {
	for _, t := range touched {
		b = appendText(b, t.Row)
		b = append(b, t.Digest[:]...)
	}
	return b
}

// ParseTouched reads what FormatTouched wrote, and nothing else: rows have a name and come in ascending order, none twice.
// Errors wrap ErrTouched.
func ParseTouched(b []byte) ([]Touch, error) {
	var touched []Touch
	names := string(b) // one text for all of them
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, fmt.Errorf("%w: cut", ErrTouched)
		}
		n := binary.BigEndian.Uint64(b)
		b = b[8:]
		if n == 0 || n > maxTouchedRow || uint64(len(b)) < n+32 {
			return nil, fmt.Errorf("%w: a name of %d bytes", ErrTouched, n)
		}
		at := uint64(len(names) - len(b))
		t := Touch{Row: names[at : at+n]}
		copy(t.Digest[:], b[n:n+32])
		if last := len(touched) - 1; last >= 0 && strings.Compare(touched[last].Row, t.Row) >= 0 {
			return nil, fmt.Errorf("%w: out of order", ErrTouched)
		}
		touched, b = append(touched, t), b[n+32:]
	}
	return touched, nil
}
