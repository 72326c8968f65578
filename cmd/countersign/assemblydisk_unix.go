//go:build linux || darwin || freebsd

package main

import (
	"fmt"
	"syscall"
)

// diskLow is how many bytes the disk of the data folder must have left for the server to be ready: room for the journal and
// the register's own log.
const diskLow = 4 << 20

// diskTrouble says why nothing more can be written below dir: the disk is full, or mounted read-only.
func diskTrouble(dir string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	if readOnly(&s) {
		return fmt.Errorf("the disk of %s is read-only", dir)
	}
	if free := uint64(s.Bavail) * uint64(s.Bsize); free < diskLow {
		return fmt.Errorf("the disk of %s has %d bytes left, less than %d", dir, free, diskLow)
	}
	return nil
}
