//go:build race

package library_test

// raceDetector: the detector makes sync.Pool forget at random, so that allocations say nothing.
const raceDetector = true
