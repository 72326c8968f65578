//go:build !race

package registry_test

// killRounds is how often a process is killed; COUNTERSIGN_KILL_ROUNDS sets another number.
const killRounds = 50
