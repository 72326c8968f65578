package stream

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxPosition bounds the position file, in bytes.
const maxPosition = 4 << 10

// ErrPosition is wrapped when the position file is not one. Removing it sends everything again.
var ErrPosition = errors.New("not a position of a stream")

// position is the last line of each record that is confirmed. The zero value is the begin. The hashes are of these lines: a
// record that has others there, or ends before them, is an older copy.
type position struct {
	Record    string `json:"record,omitempty"` // id of the decision record; a new one begins anew
	Decisions uint64 `json:"decisions"`
	Chain     digest `json:"chain,omitzero"` // zero: not known
	Changes   uint64 `json:"changes"`
	Hash      digest `json:"hash,omitzero"` // zero: not known
}

// digest is a SHA-256, as text 64 lower-case hexadecimal digits.
type digest [32]byte

// MarshalText implements encoding.TextMarshaler.
func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return ErrPosition
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// readPosition reads the file; the begin where there is none.
func readPosition(path string) (position, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return position{}, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", ErrPosition)
	}
	if err != nil {
		return position{}, fmt.Errorf("read the position of the stream: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return position{}, fmt.Errorf("read the position of the stream: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(file, maxPosition+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return position{}, fmt.Errorf("read the position of the stream: %w", err)
	}
	return parsePosition(b)
}

func parsePosition(b []byte) (p position, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err = d.Decode(&p); err == nil && len(b) <= maxPosition {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return p, nil
		}
	}
	return position{}, fmt.Errorf("%w: %d bytes, not one object of a record's name and two numbers", ErrPosition, len(b))
}

// write replaces the file: written aside, synced, renamed.
func (p position) write(path string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the position of the stream: %w", err)
	}
	aside, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the position of the stream: %w", err)
	}
	_, err = aside.Write(append(b, '\n'))
	if err == nil {
		err = aside.Sync()
	}
	if err = errors.Join(err, aside.Close()); err == nil {
		err = os.Rename(aside.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the position of the stream: %w", err), os.Remove(aside.Name()))
	}
	return nil
}
