//go:build !unix

package main

import (
	"errors"
	"io"
)

// lockFolder fails: without flock(2) two servers could not be kept apart.
func lockFolder(string) (io.Closer, error) {
	return nil, errors.New("a server needs file locks that this operating system does not offer")
}
