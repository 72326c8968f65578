package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
)

// FileConfig says where a collector finds the lines.
type FileConfig struct {
	Path    string // required; made with mode 0600
	MaxSize int64  // the file is renamed to Path.1, and so on, before it would be longer; 0: it is never renamed here, but another program may
	Keep    int    // renamed files that stay; 0: 5
}

// File appends messages to a file, one JSON object a line. Changes and decisions stand in it side by side: a decision has
// "decision", a change row "change". Not safe for concurrent use, but for Reopen.
type File struct {
	cfg    FileConfig
	file   *os.File // nil: none
	size   int64
	reopen atomic.Bool
	buf    []byte
}

// NewFile checks cfg and opens nothing: Send does.
func NewFile(cfg FileConfig) (*File, error) {
	if cfg.Path == "" || cfg.MaxSize < 0 || cfg.Keep < 0 {
		return nil, errors.New("stream to a file: a path is needed, and no negative bound")
	}
	if cfg.Keep == 0 {
		cfg.Keep = 5
	}
	return &File{cfg: cfg}, nil
}

// Reopen has the next Send open the path anew, after another program has renamed the file. Without it Send notices that
// too, before it writes: a program that renames the file and still reads it may find one batch more in it. Safe at any time.
func (f *File) Reopen() { f.reopen.Store(true) }

// Send appends messages. After an error some of them may be there, the last one in part.
func (f *File) Send(_ context.Context, messages []Message) error {
	if f.reopen.Swap(false) || f.moved() {
		if err := f.leave(); err != nil {
			return err
		}
	}
	f.buf = f.buf[:0]
	for i := range messages {
		f.buf = append(append(f.buf, messages[i].Text...), '\n')
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return fmt.Errorf("open the file of the stream: %w", err)
		}
	}
	if f.cfg.MaxSize > 0 && f.size > 0 && f.size+int64(len(f.buf)) > f.cfg.MaxSize {
		if err := f.rotate(); err != nil {
			return fmt.Errorf("rotate the file of the stream: %w", err)
		}
	}
	n, err := f.file.Write(f.buf)
	f.size += int64(n)
	if err != nil {
		return errors.Join(fmt.Errorf("write the file of the stream: %w", err), f.Close())
	}
	return nil
}

// moved reports whether the path leads elsewhere by now.
func (f *File) moved() bool {
	if f.file == nil {
		return false
	}
	there, err := os.Lstat(f.cfg.Path)
	ours, failed := f.file.Stat()
	return err != nil || failed != nil || !os.SameFile(there, ours)
}

// Confirm returns when everything is durable.
func (f *File) Confirm(context.Context) error {
	if f.file == nil {
		return nil
	}
	if err := f.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync the file of the stream: %w", err), f.Close())
	}
	return nil
}

// leave makes what is there durable before another file takes its place.
func (f *File) leave() error {
	if f.file == nil {
		return nil
	}
	return errors.Join(f.file.Sync(), f.Close())
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file, f.size = nil, 0
	return err
}

// open opens the file, which is no link, device or pipe, and ends a line that a crash has torn.
func (f *File) open() error {
	before, err := os.Lstat(f.cfg.Path)
	flag := os.O_RDWR | os.O_APPEND
	switch {
	case errors.Is(err, os.ErrNotExist):
		flag |= os.O_CREATE | os.O_EXCL
	case err != nil:
		return err
	case !before.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", f.cfg.Path)
	}
	file, err := os.OpenFile(f.cfg.Path, flag, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && before != nil && !os.SameFile(before, info) {
		err = fmt.Errorf("%s was exchanged", f.cfg.Path)
	}
	if err == nil && info.Size() > 0 {
		var last [1]byte
		if _, err = file.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			_, err = file.Write([]byte{'\n'})
		}
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// rotate renames the files that there are, each by one, and begins a new one. What leaves is durable.
func (f *File) rotate() error {
	err := f.leave()
	for n := f.cfg.Keep; n > 0 && err == nil; n-- {
		from := f.cfg.Path
		if n > 1 {
			from += "." + strconv.Itoa(n-1)
		}
		if err = os.Rename(from, f.cfg.Path+"."+strconv.Itoa(n)); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return f.open()
}
