package memory_test

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"sync"

	"countersign.dev/internal/replay/memory"
)

// disk is a folder in memory that fails on command. What failed writes leave
// behind stays, as on a real disk.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte

	fail   func(op, name string) error // nil error: it works
	partly int                         // bytes that a failing write still writes
	log    []string
}

func newDisk() *disk { return &disk{files: map[string][]byte{}} }

func (d *disk) begin(op, name string) error {
	d.log = append(d.log, op+" "+name)
	if d.fail == nil {
		return nil
	}
	return d.fail(op, name)
}

func (d *disk) Create(name string) (memory.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("create", name); err != nil {
		return nil, err
	}
	if _, found := d.files[name]; found {
		return nil, fs.ErrExist
	}
	d.files[name] = nil
	return &handle{disk: d, name: name}, nil
}

func (d *disk) Open(name string) (memory.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("open", name); err != nil {
		return nil, err
	}
	if _, found := d.files[name]; !found {
		return nil, fs.ErrNotExist
	}
	return &handle{disk: d, name: name}, nil
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("rename", from); err != nil {
		return err
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin("remove", name); err != nil {
		return err
	}
	if _, found := d.files[name]; !found {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *disk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, d.begin("list", "")
}

func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begin("sync", "")
}

// copy is the disk as a process would find it that starts now.
func (d *disk) copy() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newDisk()
	for name, data := range d.files {
		c.files[name] = bytes.Clone(data)
	}
	return c
}

type handle struct {
	disk *disk
	name string
}

func (h *handle) ReadAt(p []byte, offset int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.begin("read", h.name); err != nil {
		return 0, err
	}
	data := h.disk.files[h.name]
	if offset >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(p []byte, offset int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	err := h.disk.begin("write", h.name)
	if err != nil {
		p = p[:min(h.disk.partly, len(p))]
	}
	data := h.disk.files[h.name]
	if grow := int(offset) + len(p) - len(data); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[offset:], p)
	h.disk.files[h.name] = data
	return len(p), err
}

func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return int64(len(h.disk.files[h.name])), h.disk.begin("size", h.name)
}

func (h *handle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.begin("truncate", h.name); err != nil {
		return err
	}
	h.disk.files[h.name] = h.disk.files[h.name][:size]
	return nil
}

func (h *handle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return h.disk.begin("fsync", h.name)
}

func (h *handle) Close() error { return nil }
