//go:build amd64 || arm64

package access

import "unsafe"

// fetch begins to load the line of memory at p and waits for nothing. It reads nothing that a program could see, and faults nowhere.
//
//go:noescape
func fetch(p unsafe.Pointer)
