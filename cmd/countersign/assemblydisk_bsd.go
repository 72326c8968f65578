//go:build darwin || freebsd

package main

import "syscall"

// readOnly reports a mount that takes no writes (MNT_RDONLY, statfs(2)).
func readOnly(s *syscall.Statfs_t) bool { return uint64(s.Flags)&1 != 0 }
