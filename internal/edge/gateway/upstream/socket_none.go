//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package upstream

import "syscall"

// canPeek is false where the lean client has no way to look at a socket without
// waiting. There every connection is used for one request: slower, but never
// with another caller's bytes in it.
const canPeek = false

func socketQuiet(int) bool { return false }

// The two below are never called where canPeek is false.

func writeSocket(int, []byte) (int, error) { return 0, syscall.EINVAL }

func readSocket(int, []byte) (int, error) { return 0, syscall.EINVAL }
