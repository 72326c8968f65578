package faultfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// OpenFile implements FS.
func (d *Disk) OpenFile(name string, flag int, mode fs.FileMode) (File, error) {
	name = filepath.Clean(name)
	if err := d.begin(flag&(os.O_EXCL|os.O_TRUNC) != 0); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	node, there := d.names[name]
	switch {
	case flag&os.O_EXCL != 0 && there:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case flag&os.O_EXCL != 0 && !d.folders[filepath.Dir(name)], flag&os.O_EXCL == 0 && !there:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case flag&(os.O_WRONLY|os.O_RDWR) != 0 && d.readOnly:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EROFS}
	case flag&os.O_EXCL != 0:
		node = &inode{mode: mode, at: time.Now()}
		d.change(map[string]*inode{name: node})
	case flag&os.O_TRUNC != 0:
		node.data, node.dirty = nil, 0
	}
	return &file{disk: d, node: node, name: name, era: d.era}, nil
}

// Lstat implements FS.
func (d *Disk) Lstat(name string) (fs.FileInfo, error) {
	name = filepath.Clean(name)
	if err := d.begin(false); err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	if node, there := d.names[name]; there {
		return node.info(name), nil
	}
	if d.folders[name] {
		return info{name: filepath.Base(name), mode: fs.ModeDir | 0o700}, nil
	}
	return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
}

// ReadDir implements FS.
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	name = filepath.Clean(name)
	if err := d.begin(false); err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	if !d.folders[name] {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var entries []fs.DirEntry
	for path, node := range d.names {
		if filepath.Dir(path) == name {
			entries = append(entries, fs.FileInfoToDirEntry(node.info(path)))
		}
	}
	for path := range d.folders {
		if path != name && filepath.Dir(path) == name {
			entries = append(entries, fs.FileInfoToDirEntry(info{name: filepath.Base(path), mode: fs.ModeDir | 0o700}))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Rename implements FS.
func (d *Disk) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	if err := d.begin(true); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	defer d.mu.Unlock()
	node, there := d.names[from]
	if !there || !d.folders[filepath.Dir(to)] {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.change(map[string]*inode{from: nil, to: node})
	return nil
}

// Remove implements FS.
func (d *Disk) Remove(name string) error {
	name = filepath.Clean(name)
	if err := d.begin(true); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	if _, there := d.names[name]; !there {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.change(map[string]*inode{name: nil})
	return nil
}

// MkdirAll implements FS.
func (d *Disk) MkdirAll(name string, _ fs.FileMode) error {
	if err := d.begin(false); err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	for name = filepath.Clean(name); !d.folders[name]; name = filepath.Dir(name) {
		if d.readOnly {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.EROFS}
		}
		d.folders[name] = true
	}
	return nil
}

// SyncDir implements FS.
func (d *Disk) SyncDir(name string) error {
	name = filepath.Clean(name)
	if err := d.begin(true); err != nil {
		return &fs.PathError{Op: "sync", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	if d.syncErr != nil || d.lying {
		return d.syncErr
	}
	var rest []naming
	for _, change := range d.pending {
		if slices.Contains(change.folders, name) {
			apply(d.durable, change)
		} else {
			rest = append(rest, change)
		}
	}
	d.pending = rest
	return nil
}

// Lock implements FS. The lock file itself is not kept.
func (d *Disk) Lock(name string) (io.Closer, error) {
	name = filepath.Clean(name)
	if err := d.begin(false); err != nil {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	defer d.mu.Unlock()
	switch {
	case d.readOnly:
		return nil, &fs.PathError{Op: "lock", Path: name, Err: syscall.EROFS}
	case d.locks[name]:
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	d.locks[name] = true
	return &lock{d, name, d.era}, nil
}

type lock struct {
	disk *Disk
	name string
	era  int
}

// Close implements io.Closer.
func (l *lock) Close() error {
	l.disk.set(func() {
		if l.era == l.disk.era {
			delete(l.disk.locks, l.name)
		}
	})
	return nil
}
