//go:build race

package access_test

// raceEnabled: the race detector allocates by itself, so that counts mean nothing under it.
const raceEnabled = true
