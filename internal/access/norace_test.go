//go:build !race

package access_test

// raceEnabled: see the file for the race detector.
const raceEnabled = false
