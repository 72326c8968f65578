//go:build !unix

package main

import "os"

func ignoreSignals() {}

// onHangup does nothing: there is no such signal. The file is watched all the same.
func onHangup(chan<- os.Signal) (stop func()) { return func() {} }
