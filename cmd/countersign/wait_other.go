//go:build !unix

package main

// lockHeld says yes for every lock that is there: without locks of the kernel, nobody knows better.
func lockHeld(string) (bool, error) { return true, nil }
