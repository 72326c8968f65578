package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// File is where the counts are kept, as small as the limiter's use of it. It is used by one goroutine at a time.
type File interface {
	// Read returns the whole content; fs.ErrNotExist if there is none yet.
	Read() ([]byte, error)
	// Replace puts content in place of the former one, durably and at once: a crash leaves the one or the other.
	Replace(content []byte) error
}

// maxFile bounds what is read: more entries than any limiter may hold.
const maxFile = 1 << 32

// onDisk is a File by its path.
type onDisk string

// Read refuses symbolic links, whatever is no regular file, and a mode that lets others write (security rule 39): who may
// write the counts may give himself a new day.
func (f onDisk) Read() ([]byte, error) {
	info, err := os.Lstat(string(f))
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file (symbolic links are refused)", string(f))
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s has mode %04o: others may use it; make it 0600", string(f), info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, string(f), info.Size())
	}
	return os.ReadFile(string(f))
}

// Replace writes beside the file, flushes, renames, and flushes the folder.
func (f onDisk) Replace(content []byte) error {
	beside := string(f) + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(content)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, string(f)); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(string(f)))
}

func syncFolder(dir string) error {
	if runtime.GOOS == "windows" { // has no such thing
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
