//go:build !race

package admin_test

// everyNth of the hostile requests is sent: all of them.
const everyNth = 1
