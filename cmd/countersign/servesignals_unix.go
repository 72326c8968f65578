//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// ignoreSignals leaves what they tell to the write that meets it: a reader of the output that goes away, as head does, and a
// file that may not grow (ulimit -f) must not end the server.
func ignoreSignals() { signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ) }

// onHangup sends to c when the configuration is to be loaded anew; stop ends that.
func onHangup(c chan<- os.Signal) (stop func()) {
	signal.Notify(c, syscall.SIGHUP)
	return func() { signal.Stop(c) }
}
