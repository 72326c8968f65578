package access

import "slices"

// Tables and slabs are large, and huge pages make looking something up in them cheaper: a random key touches as many pages as lines, and with
// pages of 4 KiB it waits for most of their addresses as well. At a start they are asked for at once, which is the cheapest. While requests
// are decided on, a page is not: the system empties all of it when its first byte is written, 0.2 ms, and 5 ms where a host has to find the
// memory behind it first, and in that time the processor does nothing else, neither the requests that wait for it nor the stop that the
// garbage collector waits for. So then memory is taken in small pages, and made huge ones step by step when it has been filled.

// room makes a slice that has room for n.
func room[T any](n int, air *breath) []T {
	s := make([]T, 0, n)
	if air.serving() {
		adviseSmall(s)
	} else {
		adviseHuge(s)
	}
	return s
}

// moved is s with room for n, which are at least as many as it has.
func moved[T any](s []T, n int, air *breath) []T {
	next := room[T](n, air)
	for some := range slices.Chunk(s, copyRows) {
		air.take(len(some))
		next = append(next, some...)
	}
	return next
}

// copyRows is how many rows are copied between two pauses: with those that have pointers it is done in one go, which nothing interrupts.
const copyRows = 512

// settled asks for huge pages for what was filled in small ones.
func settled[T any](s []T, air *breath) {
	if air.serving() {
		collapse(s, air.now)
	}
}
