//go:build !unix

package memory

import (
	"errors"
	"os"
)

const (
	noFollow           = 0
	modesMeanSomething = false
)

// acquire fails: without flock(2) a second process could not be kept out, and
// the guard does not start without that certainty.
func acquire(string) (*os.File, error) {
	return nil, errors.New("the replay guard needs file locks that this operating system does not offer")
}
