//go:build !amd64 && !arm64

package access

import "unsafe"

// fetch does nothing on processors that are not asked.
func fetch(unsafe.Pointer) {}
