//go:build unix

package middleware_test

import (
	"syscall"
	"time"
)

// cpu is the processor time of this process so far: other programs on the machine are not in it.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
