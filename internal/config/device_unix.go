//go:build unix

package config

import (
	"os"
	"syscall"
)

// device is the disk that a folder lies on; 0: unknown.
func device(dir string) uint64 {
	info, err := os.Stat(dir)
	if err != nil {
		return 0
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Dev)
	}
	return 0
}
