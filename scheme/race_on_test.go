//go:build race

package scheme_test

// raced says that the race detector is on; it allocates where the product does not.
const raced = true
