//go:build !linux

package access

// adviseHuge does nothing: only Linux is asked for huge pages.
func adviseHuge[T any]([]T) {}

// adviseSmall does nothing.
func adviseSmall[T any]([]T) {}

// collapse does nothing.
func collapse[T any]([]T, func()) {}
