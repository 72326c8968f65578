package courier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"countersign.dev/internal/audit/checkpoint"
)

const maxPosition = 1 << 10

// ErrPosition is wrapped where the position file is not one. Without it everything is sent again.
var ErrPosition = errors.New("not a position of a courier")

// position is the last statement that the receiver has confirmed. The zero value is the begin.
type position struct {
	Number uint64
	Line   [sha256.Size]byte // of its line, with its line feed
}

type positionText struct {
	Number uint64 `json:"number"`
	Line   string `json:"line"`
}

func positionAt(line []byte, st checkpoint.Statement) position {
	return position{Number: st.Number, Line: sha256.Sum256(line)}
}

// readPosition reads the file; the begin where there is none. A symbolic link is refused (security rule 39).
func readPosition(path string) (position, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return position{}, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a plain file", ErrPosition, path)
	}
	if err != nil {
		return position{}, fmt.Errorf("read the position of the courier: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return position{}, fmt.Errorf("read the position of the courier: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPosition+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return position{}, fmt.Errorf("read the position of the courier: %w", err)
	}
	p, ok := parsePosition(text)
	if !ok {
		return position{}, fmt.Errorf("%w: remove %s to have everything sent again", ErrPosition, path)
	}
	return p, nil
}

func parsePosition(text []byte) (p position, ok bool) {
	var said positionText
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if len(text) > maxPosition || d.Decode(&said) != nil {
		return p, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, false
	}
	line, err := hex.DecodeString(said.Line)
	if err != nil || len(line) != len(p.Line) || said.Number == 0 {
		return p, false
	}
	return position{said.Number, [sha256.Size]byte(line)}, true
}

// write replaces the file: written aside, synced, renamed.
func (p position) write(path string) error {
	text, err := json.Marshal(positionText{p.Number, hex.EncodeToString(p.Line[:])})
	if err != nil {
		return fmt.Errorf("write the position of the courier: %w", err)
	}
	aside, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // O_EXCL, mode 0600
	if err != nil {
		return fmt.Errorf("write the position of the courier: %w", err)
	}
	_, err = aside.Write(append(text, '\n'))
	if err = errors.Join(err, aside.Sync(), aside.Close()); err == nil {
		err = os.Rename(aside.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the position of the courier: %w", err), os.Remove(aside.Name()))
	}
	return nil
}
