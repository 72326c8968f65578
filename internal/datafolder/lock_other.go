//go:build !unix

package datafolder

import (
	"errors"
	"io"
)

// Lock fails: without flock(2) two servers could not be kept apart.
func Lock(string, string) (io.Closer, error) {
	return nil, errors.New("a server needs file locks that this operating system does not offer")
}
