//go:build race

package search_test

// underRace says that everything takes ten times as long.
const underRace = true
