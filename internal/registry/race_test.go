//go:build race

package registry_test

// killRounds is less than without the race detector, under which a register opens ten times slower. What the rounds prove
// lies on the disk; races within one process are the other tests' business.
const killRounds = 10
