package faultfile

import (
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// file is an open file of a Disk.
type file struct {
	disk   *Disk
	node   *inode
	name   string
	era    int
	at     int64 // of the next Read
	closed bool  // guarded by disk.mu
}

func (f *file) begin(writes bool) error {
	err := f.disk.begin(writes)
	if err == nil {
		switch {
		case f.closed:
			err = fs.ErrClosed
		case f.era != f.disk.era:
			err = ErrPowerLost
		}
		if err != nil {
			f.disk.mu.Unlock()
		}
	}
	if err != nil {
		return &fs.PathError{Op: "file", Path: f.name, Err: err}
	}
	return nil
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, at int64) (int, error) {
	if err := f.begin(false); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if at >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, at int64) (n int, err error) {
	if err := f.begin(true); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if room := f.disk.room; room >= 0 && int64(len(p)) > room {
		p, err = p[:room], &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	if f.disk.room >= 0 {
		f.disk.room -= int64(len(p))
	}
	f.node.write(p, int(at))
	return len(p), err
}

func (n *inode) write(p []byte, at int) {
	if len(p) == 0 {
		return
	}
	if end := at + len(p); end > len(n.data) {
		n.data = slices.Grow(n.data, end-len(n.data))[:end]
	}
	n.dirty = min(n.dirty, at)
	copy(n.data[at:], p)
	n.at = time.Now()
}

// Truncate cuts or lengthens the file.
func (f *file) Truncate(size int64) error {
	if err := f.begin(true); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	n := f.node
	if int(size) <= len(n.data) {
		clear(n.data[size:])
		n.data, n.dirty = n.data[:size], min(n.dirty, int(size))
	} else {
		n.write(make([]byte, int(size)-len(n.data)), len(n.data))
	}
	return nil
}

// Sync makes what was written durable.
func (f *file) Sync() error {
	if err := f.begin(true); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	n := f.node
	switch {
	case f.disk.syncErr != nil:
		n.dirty = len(n.data) // what could not be written is forgotten: the next Sync is none the wiser
		return f.disk.syncErr
	case f.disk.lying:
		return nil
	}
	if missing := n.dirty - len(n.synced); missing > 0 {
		n.synced = append(n.synced, make([]byte, missing)...)
	}
	n.synced = append(n.synced[:n.dirty], n.data[n.dirty:]...)
	n.dirty = len(n.data)
	return nil
}

// Stat tells of the file.
func (f *file) Stat() (fs.FileInfo, error) {
	if err := f.begin(false); err != nil {
		return nil, err
	}
	defer f.disk.mu.Unlock()
	return f.node.info(f.name), nil
}

// Close implements io.Closer. It makes nothing durable. Whatever is asked of the file afterwards fails with fs.ErrClosed.
func (f *file) Close() (err error) {
	f.disk.set(func() {
		if f.closed {
			err = &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
		}
		f.closed = true
	})
	return err
}

func (n *inode) info(name string) info {
	return info{name: filepath.Base(name), size: int64(len(n.data)), mode: n.mode, at: n.at}
}

// info implements fs.FileInfo.
type info struct {
	name string
	size int64
	mode fs.FileMode
	at   time.Time
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.at }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
