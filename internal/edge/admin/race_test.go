//go:build race

package admin_test

// everyNth thins the walk out under the race detector, under which SQLite is ten times slower: it finds faults of one request after
// another, which the detector has no part in.
const everyNth = 9
