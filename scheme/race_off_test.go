//go:build !race

package scheme_test

const raced = false
