package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// probeEvery bounds how often readiness writes to the disk.
const probeEvery = 2 * time.Second

// diskProbe asks whether the data folder can be written. A disk that the kernel has given up after a fault does not say so
// when it is asked how it is mounted; and where nobody calls, nobody writes. Safe for concurrent use.
type diskProbe struct {
	dir  string
	mu   sync.Mutex
	at   time.Time // of the last attempt
	last error
}

// trouble says why nothing can be written.
func (p *diskProbe) trouble() error {
	if err := diskTrouble(p.dir); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) >= probeEvery {
		p.at, p.last = time.Now(), p.write()
	}
	return p.last
}

// write makes a file and takes it away again.
func (p *diskProbe) write() error {
	path := filepath.Join(p.dir, "disk-probe")
	err := os.WriteFile(path, []byte{'\n'}, 0o600)
	if gone := os.Remove(path); err == nil && !errors.Is(gone, fs.ErrNotExist) { // another server on the folder was faster
		err = gone
	}
	if err != nil {
		return fmt.Errorf("the disk of %s takes no writes: %w", p.dir, err)
	}
	return nil
}
