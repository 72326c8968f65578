//go:build !linux && !darwin && !freebsd

package main

// diskTrouble knows nothing of disks on this operating system.
func diskTrouble(string) error { return nil }
