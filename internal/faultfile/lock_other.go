//go:build !unix

package faultfile

import (
	"errors"
	"os"
)

// flock fails: without flock(2) two writers could not be kept apart.
func flock(*os.File) error {
	return errors.New("a record needs file locks that this operating system does not offer")
}
