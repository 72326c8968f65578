package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Errors of changing a key file.
var (
	ErrKeyInUse   = errors.New("the key is needed")
	ErrKeyChanged = errors.New("the key file is being changed") // by another process, or one was cut short
)

// Add appends a fresh key to the file and returns its id. The keys that are there stay and go on opening what they sealed;
// rings that read the file from now on seal with the new one. The file is replaced as a whole once it is on the disk, and
// keeps its mode and owner. Rand must be set. Errors wrap ErrKeyFile, ErrKeyChanged, ErrRandom or fs.ErrNotExist.
func (k KeyFile) Add(ctx context.Context) (id uint32, err error) {
	if k.Rand == nil {
		return 0, fmt.Errorf("add key: %w: without a source of randomness", ErrRandom)
	}
	err = k.change(func(text []byte, held []Key) ([]byte, error) {
		raw, err := draw(k.Rand, 4+ringKeyLen)
		if err != nil {
			return nil, err
		}
		defer Wipe(raw)
		id = binary.BigEndian.Uint32(raw[:4])
		for id == 0 || holds(held, id) {
			id++
		}
		return fmt.Appendf(bytes.Clone(text), "%08x %s\n", id, base64.StdEncoding.EncodeToString(raw[4:])), ctx.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("add key to %s: %w", k.Path, err)
	}
	return id, nil
}

// Retire drops a key from the file when nothing is sealed with it any more. inUse counts the sealed values by the id of their
// key (registry.SealedWith) and is asked while no other process can change the file. The newest key is never dropped. A
// backup of the register from before can be opened only with a backup of the key file from before. Errors wrap ErrKeyInUse,
// ErrKeyFile, ErrKeyChanged, fs.ErrNotExist or are those of inUse.
func (k KeyFile) Retire(ctx context.Context, id uint32, inUse func(context.Context) (map[uint32]int, error)) error {
	err := k.change(func(text []byte, held []Key) ([]byte, error) {
		switch {
		case !holds(held, id):
			return nil, fmt.Errorf("%w: it has no key %08x", ErrKeyFile, id)
		case held[len(held)-1].ID == id:
			return nil, fmt.Errorf("%w: %08x is the newest and seals", ErrKeyInUse, id)
		}
		counts, err := inUse(ctx)
		if err != nil {
			return nil, err
		}
		if n := counts[id]; n > 0 {
			return nil, fmt.Errorf("%w: %d values are sealed with %08x; seal them again first", ErrKeyInUse, n, id)
		}
		prefix := fmt.Appendf(nil, "%08x ", id)
		var rest []byte
		for line := range bytes.Lines(text) {
			if !bytes.HasPrefix(line, prefix) {
				rest = append(rest, line...)
			}
		}
		return rest, nil
	})
	if err != nil {
		return fmt.Errorf("retire key of %s: %w", k.Path, err)
	}
	return nil
}

func holds(keys []Key, id uint32) bool {
	for _, key := range keys {
		if key.ID == id {
			return true
		}
	}
	return false
}

// change replaces the file by what edit makes of it, or leaves it as it is. The draft beside it has one fixed name and is
// made exclusively: so it is the lock as well, and two changes cannot lose each other's key.
func (k KeyFile) change(edit func(text []byte, held []Key) ([]byte, error)) (err error) {
	draft := k.Path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; if no other process is at it, remove %s", ErrKeyChanged, draft)
	}
	if err != nil {
		return err
	}
	replaced := false // then the draft's name is free again, and may be another process's already
	defer func() {
		if err != nil && !replaced {
			_ = f.Close()
			err = errors.Join(err, os.Remove(draft))
		}
	}()
	text, err := readPrivate(k.Path)
	if err != nil {
		return err
	}
	defer Wipe(text)
	held, err := ParseKeys(text)
	if err != nil {
		return err
	}
	next, err := edit(text, held)
	if err != nil {
		return err
	}
	defer Wipe(next)
	if _, err := ParseKeys(next); err != nil {
		return err
	}
	if err := k.replace(f, next); err != nil {
		return err
	}
	replaced = true
	return syncDir(filepath.Dir(k.Path))
}

// replace puts the draft in the place of the file, with its mode and owner.
func (k KeyFile) replace(draft *os.File, text []byte) error {
	info, err := os.Lstat(k.Path)
	if err != nil {
		return err
	}
	if _, err := draft.Write(text); err != nil {
		return err
	}
	if err := errors.Join(keepOwner(draft, info), draft.Chmod(info.Mode().Perm()), draft.Sync()); err != nil {
		return err
	}
	if err := draft.Close(); err != nil {
		return err
	}
	return os.Rename(draft.Name(), k.Path)
}
