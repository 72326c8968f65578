//go:build !race

package gateway_test

// raceAllocations is what the race detector may add to a request.
const raceAllocations = 0
