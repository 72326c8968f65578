package main

import "syscall"

// readOnly reports a mount that takes no writes (ST_RDONLY, statfs(2)).
func readOnly(s *syscall.Statfs_t) bool { return s.Flags&1 != 0 }
