package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every printed, logged or encoded Value shows.
const Redacted = "[redacted]"

// Value is a secret in memory. Whatever prints, logs or encodes it sees Redacted instead. The zero Value is empty and
// ready to use. Copies share their bytes, so that Zero on one empties all. Reading from several goroutines is safe;
// Zero must not run beside a reader. Two Values are compared with Equal.
type Value struct {
	// fmt does not call the methods of a Value in somebody's unexported field: it would print the bytes of a slice, and
	// with an unfit verb those behind a pointer too. Of a pointer to a pointer it never prints more than the address.
	held **held
}

type held struct{ bytes []byte }

// own is NewValue without the copy.
func own(b []byte) Value {
	if len(b) == 0 {
		return Value{}
	}
	inner := &held{b}
	return Value{&inner}
}

// NewValue returns a Value with a copy of b; the caller may wipe b afterwards. Nil and empty give the zero Value.
func NewValue(b []byte) Value {
	return own(append([]byte(nil), b...))
}

// Bytes returns the secret itself, not a copy: it must not be changed, and it is wiped by Zero. Nil when empty.
func (v Value) Bytes() []byte {
	if v.held == nil {
		return nil
	}
	return (*v.held).bytes
}

// Len is the number of bytes; 0 when empty.
func (v Value) Len() int { return len(v.Bytes()) }

// IsZero reports whether v is empty: never set, or wiped.
func (v Value) IsZero() bool { return v.Len() == 0 }

// Zero overwrites the bytes of v and of all its copies, which are empty afterwards. Harmless on an empty Value.
func (v Value) Zero() {
	if v.held == nil {
		return
	}
	Wipe((*v.held).bytes)
	(*v.held).bytes = nil
}

// Equal reports whether both hold the same bytes, in a time that depends on their lengths alone.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare(v.Bytes(), other.Bytes()) == 1
}

// String returns Redacted.
func (v Value) String() string { return Redacted }

// GoString returns Redacted.
func (v Value) GoString() string { return Redacted }

// Format writes Redacted for every verb and flag.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue returns Redacted for log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText returns Redacted for encoding/xml, YAML encoders and map keys.
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON returns Redacted as a JSON string.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// Wipe overwrites b with zeros. Nil is harmless.
func Wipe(b []byte) { clear(b) }
