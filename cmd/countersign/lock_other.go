//go:build !unix

package main

import (
	"errors"
	"io"
)

// lockEnvironment fails: without flock(2) two servers could not be kept apart.
func lockEnvironment(string, string) (io.Closer, error) {
	return nil, errors.New("a server needs file locks that this operating system does not offer")
}
