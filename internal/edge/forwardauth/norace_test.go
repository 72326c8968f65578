//go:build !race

package forwardauth_test

const racing = false
