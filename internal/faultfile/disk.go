package faultfile

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// ErrPowerLost is the error of everything that was opened before the power was lost, and of what is asked while it is lost.
var ErrPowerLost = errors.New("the power was lost")

// Disk is a file system in memory for tests. What is written is seen at once; it outlives a loss of power only where it was
// synced, file and folder apart, as POSIX has it and no kinder. Folders themselves are durable at once. Faults are switched
// on and off at any time. Safe for concurrent use. The zero value is not ready; use NewDisk.
type Disk struct {
	mu      sync.Mutex
	names   map[string]*inode // as a program sees them
	durable map[string]*inode // as a loss of power leaves them
	pending []naming          // what makes one into the other, in order
	folders map[string]bool
	locks   map[string]bool
	era     int // grows with every loss of power
	dark    bool

	room     int64 // bytes that can still be written; negative: no bound
	syncErr  error
	readOnly bool
	lying    bool
	fuse     int // operations until the power is lost; 0: not set
	gate     chan struct{}
}

// inode is what a name stands for.
type inode struct {
	data   []byte
	synced []byte
	dirty  int // data differs from synced at most from here on
	mode   fs.FileMode
	at     time.Time
}

// naming is one change of names that a crash keeps whole or not at all. A nil inode: removed.
type naming struct {
	folders []string
	set     map[string]*inode
}

// Loss says what a loss of power leaves of what was not synced. Its zero value leaves nothing.
type Loss struct {
	// Bytes is asked for each file with unsynced bytes: how many of them are there, and how many zeros stand behind these in
	// place of others. nil: none.
	Bytes func(unsynced int) (kept, zeros int)
	// Names is asked for each change of names that was not synced, from the oldest on, whether it is there: nothing says that
	// they reach the disk in order. nil: none.
	Names func(change int) bool
}

// NewDisk returns an empty disk with room without bound.
func NewDisk() *Disk {
	return &Disk{names: map[string]*inode{}, durable: map[string]*inode{}, folders: map[string]bool{string(filepath.Separator): true, ".": true},
		locks: map[string]bool{}, room: -1}
}

// SetRoom bounds the bytes that can still be written; a write that does not fit is cut short and fails with ENOSPC.
// Overwriting counts like growing. Negative: no bound.
func (d *Disk) SetRoom(bytes int64) { d.set(func() { d.room = bytes }) }

// SetReadOnly makes everything that writes fail with EROFS.
func (d *Disk) SetReadOnly(on bool) { d.set(func() { d.readOnly = on }) }

// FailSync makes Sync and SyncDir fail; nil ends it. As with real ones, bytes whose Sync failed are taken for written by the
// next, and are not: a program has to write them again.
func (d *Disk) FailSync(err error) { d.set(func() { d.syncErr = err }) }

// Lie makes Sync and SyncDir do nothing and report success: what a program amounts to that forgets them.
func (d *Disk) Lie() { d.set(func() { d.lying = true }) }

// CutPowerAfter lets n more operations that write pass; the one after them fails with ErrPowerLost, and so does everything
// until Restore. n is at least 0.
func (d *Disk) CutPowerAfter(n int) { d.set(func() { d.fuse = n + 1 }) }

// Dark reports whether the power is lost.
func (d *Disk) Dark() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dark
}

// Hang makes every operation that writes wait until the returned function is called.
func (d *Disk) Hang() (release func()) {
	gate := make(chan struct{})
	d.set(func() { d.gate = gate })
	return func() {
		d.set(func() { d.gate = nil })
		close(gate)
	}
}

func (d *Disk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// Restore loses what was not synced, but for what l leaves, ends all faults but Lie, and makes the disk usable again. Files
// that were open before fail from now on; locks are free.
func (d *Disk) Restore(l Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, change := range d.pending {
		if l.Names != nil && l.Names(i) {
			apply(d.durable, change)
		}
	}
	d.names, d.pending = maps.Clone(d.durable), nil
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		d.names[name].lose(l)
	}
	d.era++
	clear(d.locks)
	d.dark, d.fuse, d.room, d.syncErr, d.readOnly = false, 0, -1, nil, false
}

// Kill ends the program and nothing else: what was open fails from now on, locks are free, and what was not synced is still
// seen, and still not durable.
func (d *Disk) Kill() {
	d.set(func() {
		d.era++
		clear(d.locks)
	})
}

func (n *inode) lose(l Loss) {
	kept, zeros := 0, 0
	if unsynced := len(n.data) - n.dirty; unsynced > 0 && l.Bytes != nil {
		kept, zeros = l.Bytes(unsynced)
	}
	if kept+zeros > 0 {
		n.data = append(n.data[:n.dirty+kept:n.dirty+kept], make([]byte, zeros)...)
	} else {
		n.data = slices.Clone(n.synced)
	}
	n.synced, n.dirty = slices.Clone(n.data), len(n.data)
}

func apply(names map[string]*inode, change naming) {
	for name, node := range change.set {
		if node == nil {
			delete(names, name)
		} else {
			names[name] = node
		}
	}
}

// change makes a change of names visible; it is durable after SyncDir of one of its folders.
func (d *Disk) change(set map[string]*inode) {
	one := naming{set: set}
	for name := range set {
		one.folders = append(one.folders, filepath.Dir(name))
	}
	apply(d.names, one)
	d.pending = append(d.pending, one)
}

// begin is called before every operation; one that writes counts towards the loss of power, and waits while the disk hangs.
// Where it returns nil, d is locked.
func (d *Disk) begin(writes bool) error {
	d.mu.Lock()
	for writes && d.gate != nil {
		gate := d.gate
		d.mu.Unlock()
		<-gate
		d.mu.Lock()
	}
	if writes && d.fuse > 0 {
		d.fuse--
		d.dark = d.dark || d.fuse == 0
	}
	err := error(nil)
	switch {
	case d.dark:
		err = ErrPowerLost
	case writes && d.readOnly:
		err = syscall.EROFS
	}
	if err != nil {
		d.mu.Unlock()
	}
	return err
}
