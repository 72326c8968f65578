package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/faultfile"
)

const (
	privateMark = "countersign-checkpoint-key-1 "
	publicMark  = "countersign-checkpoint-public-1 "
	maxKeyFile  = 1 << 10
)

// ErrKey is wrapped by the errors about key files. They never hold a byte of a key.
var ErrKey = errors.New("checkpoint key")

// Signer signs anchors. Make one with NewKey or LoadKey. Safe for concurrent use.
type Signer struct{ private ed25519.PrivateKey }

// Public verifies what its Signer has signed. Its zero value verifies nothing.
type Public struct{ key ed25519.PublicKey }

// Public is the half that can be given to anybody.
func (s Signer) Public() Public {
	public, _ := s.private.Public().(ed25519.PublicKey) // always is
	return Public{public}
}

// Format implements fmt.Formatter: whatever verb prints a Signer, it prints the id of its key (security rule 4).
func (s Signer) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "checkpoint key "+s.Public().ID())
}

// ID names a key: 16 lower-case hexadecimal digits of the SHA-256 of the public key.
func (p Public) ID() string {
	sum := sha256.Sum256(p.key)
	return hex.EncodeToString(sum[:8])
}

// String is the public key as its file has it, without the line feed.
func (p Public) String() string { return publicMark + hex.EncodeToString(p.key) }

// ParsePublic reads a public key as String writes it, with or without a line feed behind it.
func ParsePublic(text string) (Public, error) {
	key, err := unhex(text, publicMark, ed25519.PublicKeySize)
	if err != nil {
		return Public{}, err
	}
	return Public{key}, nil
}

func unhex(text, mark string, size int) ([]byte, error) {
	digits, ok := strings.CutPrefix(strings.TrimSuffix(text, "\n"), mark)
	key, err := hex.DecodeString(digits)
	if !ok || err != nil || len(key) != size || hex.EncodeToString(key) != digits {
		return nil, fmt.Errorf("%w: want one line, %q and %d lower-case hexadecimal digits", ErrKey, mark, 2*size)
	}
	return key, nil
}

// NewKey draws a key and writes it to two files that must not exist yet: the private one with mode 0600, which belongs neither
// into the data folder nor beside the checkpoints, and the public one, with .pub added to the name, for those who verify. random has 32 bytes taken
// from it. A nil fsys is the operating system's.
func NewKey(fsys faultfile.FS, path string, random io.Reader) (*Signer, error) {
	fsys = orOS(fsys)
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("%w: draw it: %w", ErrKey, err)
	}
	s := &Signer{ed25519.NewKeyFromSeed(seed)}
	if err := create(fsys, path, privateMark+hex.EncodeToString(seed)+"\n", 0o600); err != nil {
		return nil, err
	}
	if err := create(fsys, path+".pub", s.Public().String()+"\n", 0o644); err != nil {
		return nil, err
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return s, nil
}

func create(fsys faultfile.FS, path, text string, mode fs.FileMode) error {
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	_, err = f.WriteAt([]byte(text), 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: write %s: %w", ErrKey, path, err)
	}
	return nil
}

// LoadKey reads a private key. A symbolic link, and a file that anybody else may read or write, is refused (security rule
// 39). A nil fsys is the operating system's.
func LoadKey(fsys faultfile.FS, path string) (*Signer, error) {
	text, mode, err := load(orOS(fsys), path)
	if err != nil {
		return nil, err
	}
	if mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s can be used by others (mode %04o): chmod 600 it, and make a new one if others use this machine", ErrKey, path, mode)
	}
	seed, err := unhex(text, privateMark, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Signer{ed25519.NewKeyFromSeed(seed)}, nil
}

// LoadPublic reads a public key. A symbolic link, and a file that others can write, is refused. A nil fsys is the operating
// system's.
func LoadPublic(fsys faultfile.FS, path string) (Public, error) {
	text, mode, err := load(orOS(fsys), path)
	if err != nil {
		return Public{}, err
	}
	if mode&0o022 != 0 {
		return Public{}, fmt.Errorf("%w: others can write %s (mode %04o): who does can make any checkpoint verify", ErrKey, path, mode)
	}
	p, err := ParsePublic(text)
	if err != nil {
		return Public{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func load(fsys faultfile.FS, path string) (text string, mode fs.FileMode, err error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrKey, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrKey, err)
	}
	read, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return "", 0, fmt.Errorf("%w: read %s: %w", ErrKey, path, err)
	}
	return string(read), info.Mode().Perm(), nil
}

func orOS(fsys faultfile.FS) faultfile.FS {
	if fsys == nil {
		return faultfile.OS{}
	}
	return fsys
}
