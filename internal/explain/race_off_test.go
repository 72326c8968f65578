//go:build !race

package explain_test

const every = 1
