package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// Errors of the key ring. A sealed value that does not open is never skipped: whoever reads it stops.
var (
	ErrSealed     = errors.New("sealed value does not open") // altered, cut, or moved to another row
	ErrUnknownKey = errors.New("sealed with a key that the key ring lacks")
	ErrKeys       = errors.New("unusable key ring")
)

const (
	ringKeyLen    = 32
	sealedVersion = 1
	headerLen     = 1 + 4 // version, key id
	nonceLen      = 12
	tagLen        = 16
	maxSealed     = 4096 // bytes of one sealed value; secrets are far shorter
)

// Key is one key of a ring. Its ID is stored beside everything that it sealed.
type Key struct {
	ID    uint32 // not 0, unique within the ring
	Bytes Value  // 32 bytes, AES-256
}

// KeySource yields the keys of a ring, the newest last: the newest seals, all of them open. A key file is one source; a
// key management service that unwraps the keys of this ring can stand behind the same method.
type KeySource interface {
	Keys(ctx context.Context) ([]Key, error)
}

// Ring seals values at rest with AES-256-GCM. Each sealed value is bound to the identity of its row, so that it opens
// nowhere else (design decision 5). Safe for concurrent use. It lives as long as the process.
//
// A key that was added to the source meanwhile is taken up by Reload, or by itself when a value meets the ring that such a
// key sealed: so a key is replaced without a stop.
type Ring struct {
	source  KeySource
	random  io.Reader
	reading sync.Mutex // one reading of the source at a time
	keys    atomic.Pointer[keySet]
}

// keySet is one reading of the keys. It is never changed.
type keySet struct {
	newest uint32
	aeads  map[uint32]cipher.AEAD
}

// OpenRing reads the keys of source, and again when it is told to (Reload) or meets an unknown key id. Errors wrap ErrKeys or are those of source; a ring without a key is an error
// (security rule 28). random draws the nonces and must be set.
func OpenRing(ctx context.Context, source KeySource, random io.Reader) (*Ring, error) {
	if source == nil || random == nil {
		return nil, fmt.Errorf("open key ring: %w: without keys or randomness", ErrKeys)
	}
	r := &Ring{source: source, random: random}
	if err := r.Reload(ctx); err != nil {
		return nil, fmt.Errorf("open key ring: %w", err)
	}
	if file, ok := source.(KeyFile); ok {
		r.source = KeyFile{Path: file.Path} // a file that is missing later is lost, not new
	}
	return r, nil
}

// Reload reads the source again: from then on its newest key seals, and a key that it lacks opens nothing. On an error the
// keys stay as they were. Errors are those of OpenRing.
func (r *Ring) Reload(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	return r.read(ctx)
}

// read needs r.reading.
func (r *Ring) read(ctx context.Context) error {
	keys, err := r.source.Keys(ctx)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return fmt.Errorf("%w: no key", ErrKeys)
	}
	set := &keySet{aeads: make(map[uint32]cipher.AEAD, len(keys))}
	for _, key := range keys {
		if err := set.add(key); err != nil {
			return err
		}
	}
	r.keys.Store(set)
	return nil
}

// key finds the key that sealed something. An unknown one may be new in the source, which is then read again; a source that
// cannot be read leaves it unknown.
func (r *Ring) key(id uint32) (cipher.AEAD, error) {
	if aead := r.keys.Load().aeads[id]; aead != nil {
		return aead, nil
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if aead := r.keys.Load().aeads[id]; aead != nil { // somebody else has just read it
		return aead, nil
	}
	if err := r.read(context.Background()); err != nil {
		return nil, fmt.Errorf("%w: key %08x, and reading the keys again failed: %w", ErrUnknownKey, id, err)
	}
	if aead := r.keys.Load().aeads[id]; aead != nil {
		return aead, nil
	}
	return nil, fmt.Errorf("%w: key %08x", ErrUnknownKey, id)
}

func (s *keySet) add(key Key) error {
	if key.ID == 0 || s.aeads[key.ID] != nil || key.Bytes.Len() != ringKeyLen {
		return fmt.Errorf("%w: key %08x is doubled, without id or not of 32 bytes", ErrKeys, key.ID)
	}
	block, err := aes.NewCipher(key.Bytes.Bytes())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeys, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeys, err)
	}
	s.aeads[key.ID], s.newest = aead, key.ID
	return nil
}

// Newest is the id of the key that seals, as ParseSealed reads it from what Seal returns.
func (r *Ring) Newest() uint32 { return r.keys.Load().newest }

// Row builds the identity to which a value is sealed: a tuple in which no part can run over into the next (security rule
// 10). Name the kind of row first.
func Row(parts ...string) []byte {
	var b []byte
	for _, part := range parts {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// Seal returns plain encrypted and bound to row: version, key id, nonce and ciphertext with its tag, all of them
// authenticated. It does not keep plain. Its errors are ErrRandom and, for a value that could not be opened, ErrSealed.
func (r *Ring) Seal(row, plain []byte) ([]byte, error) {
	if len(plain) == 0 || headerLen+nonceLen+len(plain)+tagLen > maxSealed {
		return nil, fmt.Errorf("seal: %w: empty or too long", ErrSealed)
	}
	nonce, err := draw(r.random, nonceLen)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	set := r.keys.Load()
	out := make([]byte, 0, headerLen+nonceLen+len(plain)+tagLen)
	out = append(out, sealedVersion)
	out = binary.BigEndian.AppendUint32(out, set.newest)
	aad := bind(out[:headerLen], row)
	out = append(out, nonce...)
	return set.aeads[set.newest].Seal(out, nonce, plain, aad), nil
}

// Open returns what Seal was given, or an error that wraps ErrUnknownKey or ErrSealed. It never returns a part.
func (r *Ring) Open(row, sealed []byte) (Value, error) {
	keyID, err := ParseSealed(sealed)
	if err != nil {
		return Value{}, err
	}
	aead, err := r.key(keyID)
	if err != nil {
		return Value{}, err
	}
	nonce, text := sealed[headerLen:headerLen+nonceLen], sealed[headerLen+nonceLen:]
	plain, err := aead.Open(nil, nonce, text, bind(sealed[:headerLen], row))
	if err != nil {
		return Value{}, ErrSealed
	}
	return own(plain), nil
}

// ParseSealed returns the id of the key that sealed a value, or ErrSealed when the bytes cannot be one.
func ParseSealed(sealed []byte) (keyID uint32, err error) {
	if len(sealed) <= headerLen+nonceLen+tagLen || len(sealed) > maxSealed || sealed[0] != sealedVersion {
		return 0, fmt.Errorf("%w: wrong length or version", ErrSealed)
	}
	return binary.BigEndian.Uint32(sealed[1:headerLen]), nil
}

// bind authenticates the header together with the row.
func bind(header, row []byte) []byte {
	return append(append(make([]byte, 0, len(header)+len(row)), header...), row...)
}
