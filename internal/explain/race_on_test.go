//go:build race

package explain_test

// every is which part of the matrix is run: under the race detector, which makes it five times as slow, few cases of many.
const every = 25
