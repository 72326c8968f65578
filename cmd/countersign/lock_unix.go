//go:build unix

package main

import "syscall"

// flock takes a lock that nobody shares, or says at once that another one has it.
func flock(fd uintptr) error { return syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }
