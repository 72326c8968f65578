//go:build !race

package door_test

const racing = false
