package capture

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/explain"
	"countersign.dev/internal/secret"
	"countersign.dev/scheme"
)

// ErrNone is returned by Explain for a capture that is not there, is not the caller's, or has expired: which of these is not told.
var ErrNone = errors.New("no such capture")

// ErrTooOften is returned by Explain where the credential has asked too often.
var ErrTooOften = errors.New("explanations are asked for too often")

// ErrFull is returned by Keep where a bound does not allow another capture now. The request's own answer must not depend on it.
var ErrFull = errors.New("no room for a capture")

// Sealer seals a capture to its identity; secret.Ring is one.
type Sealer interface {
	Seal(row, plain []byte) ([]byte, error)
	Open(row, sealed []byte) (secret.Value, error)
}

// Owner is whose request it was: the environment in which it came, and the credential that it named. A request that named none, or one
// that is not known, has no owner and cannot be kept.
type Owner struct{ Environment, Credential string }

// Request is a refused request, as it came.
type Request struct {
	// ID is the request id that the caller was told: 32 hexadecimal digits.
	ID string
	// At is when it came.
	At time.Time
	// Body is the body as far as it was read. Whole is false where that is not all of it; then it is not explained by guesses.
	Whole  bool
	Scheme scheme.Request
}

// bounds of what can be configured.
const (
	defaultKeep    = time.Hour
	maxKeep        = 24 * time.Hour
	defaultEach    = 20
	defaultAll     = 2000
	defaultRequest = 128 << 10
	maxRequest     = explain.MaxBody + 64<<10
	defaultAsks    = 10

	// A server explains with less effort than a partner's own machine: about a tenth of a second.
	serverTries = 40_000
	serverBytes = 32 << 20
)

// Config says where captures are kept and how many. Dir, Sealer and Clock are required.
type Config struct {
	// Dir is a folder of the capture store's own, made with mode 0700 if it is missing.
	Dir string
	// Sealer is the ring of the environments that are captured.
	Sealer Sealer
	Clock  func() time.Time
	// Keep is how long a capture lives; zero: one hour. At most 24 hours.
	Keep time.Duration
	// PerCredential and Total bound how many there are; zero: 20 and 2000. The oldest of the same credential gives way; where Total is
	// reached, nothing is kept until some have expired.
	PerCredential, Total int
	// MaxRequest bounds one request with its body, in bytes; zero: 128 KiB. A longer one is not kept.
	MaxRequest int
	// AsksPerMinute bounds how often one credential may ask; zero: 10.
	AsksPerMinute int
}

func (c *Config) fill() error {
	if c.Dir == "" || c.Sealer == nil || c.Clock == nil {
		return errors.New("capture: Dir, Sealer and Clock are required")
	}
	if c.Keep < 0 || c.Keep > maxKeep || c.PerCredential < 0 || c.Total < 0 || c.MaxRequest < 0 || c.MaxRequest > maxRequest || c.AsksPerMinute < 0 {
		return fmt.Errorf("capture: out of bounds: keep at most %s, a request at most %d bytes", maxKeep, maxRequest)
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	for _, d := range []struct {
		field    *int
		fallback int
	}{{&c.PerCredential, defaultEach}, {&c.Total, defaultAll}, {&c.MaxRequest, defaultRequest}, {&c.AsksPerMinute, defaultAsks}} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	return nil
}

// stored is a capture as it is sealed. What came from the wire is kept as bytes: it need not be UTF-8.
type stored struct {
	Version int                 `json:"version"`
	Whole   bool                `json:"whole"`
	Method  []byte              `json:"method"`
	Target  []byte              `json:"target"`
	Scheme  []byte              `json:"scheme"`
	Host    []byte              `json:"host"`
	Header  map[string][][]byte `json:"header"`
	Body    []byte              `json:"body"`
}

func (r *Request) encode() ([]byte, error) {
	q := &r.Scheme
	s := stored{1, r.Whole, []byte(q.Method), []byte(q.Target), []byte(q.Scheme), []byte(q.Host), map[string][][]byte{}, q.Body}
	for name, values := range q.Header {
		for _, v := range values {
			s.Header[name] = append(s.Header[name], []byte(v))
		}
	}
	return json.Marshal(s)
}

// request is what was kept.
func (s *stored) request() scheme.Request {
	r := scheme.Request{Method: string(s.Method), Target: string(s.Target), Scheme: string(s.Scheme), Host: string(s.Host), Header: map[string][]string{}, Body: s.Body}
	for name, values := range s.Header {
		for _, v := range values {
			r.Header[name] = append(r.Header[name], string(v))
		}
	}
	return r
}

func decode(plain []byte) (*stored, error) {
	var s stored
	if err := json.Unmarshal(plain, &s); err != nil || s.Version != 1 {
		return nil, errors.New("a capture cannot be read")
	}
	return &s, nil
}

// identity is what a sealed capture is bound to: length-prefixed, so that no two identities share their bytes (security rule 10).
func identity(o Owner, id string, at time.Time) []byte {
	out := []byte("countersign capture 1\n")
	for _, part := range []string{o.Environment, o.Credential, id} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return binary.BigEndian.AppendUint64(out, uint64(at.Unix()))
}

// isName says whether a text can be a part of a file's name.
func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func isID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'f' || '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}
