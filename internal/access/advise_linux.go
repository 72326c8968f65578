package access

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a huge page on the processors that have 4 KiB pages. Where it is another one, the advice covers more or less.
const hugePage = 2 << 20

// madvCollapse makes one huge page of what is there, at once (Linux 6.1).
const madvCollapse = 25

// adviseHuge asks for huge pages for a large slice that nobody has written yet. Go's heap does not ask by itself. The memory stays Go's:
// this is advice about addresses, and what happens to stand beside the slice may be given huge pages as well. Errors mean that there
// are none.
func adviseHuge[T any](s []T) {
	begin, end := hugePages(s)
	_ = advise(begin, end, syscall.MADV_HUGEPAGE)
}

// adviseSmall asks for small pages, also where what stood there before had huge ones.
func adviseSmall[T any](s []T) {
	begin, end := hugePages(s)
	_ = advise(begin, end, syscall.MADV_NOHUGEPAGE)
}

// collapse makes huge pages of those that a slice was written in, one after another, with a pause before each. A system that cannot do it at
// once does it in its own time.
func collapse[T any](s []T, pause func()) {
	begin, end := hugePages(s)
	if advise(begin, end, syscall.MADV_HUGEPAGE) != 0 {
		return
	}
	for at := begin; at < end; at += hugePage {
		pause()
		if advise(at, at+hugePage, madvCollapse) == syscall.EINVAL {
			return
		}
	}
}

// hugePages are the addresses of the huge pages in which a slice stands, with its capacity; none where it is smaller than one.
func hugePages[T any](s []T) (begin, end uintptr) {
	var one T
	size := uintptr(cap(s)) * unsafe.Sizeof(one)
	if size < hugePage {
		return 0, 0
	}
	data := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	return data &^ (hugePage - 1), (data + size + hugePage - 1) &^ (hugePage - 1)
}

func advise(begin, end uintptr, advice int) syscall.Errno {
	if begin == end {
		return 0
	}
	_, _, failed := syscall.Syscall(syscall.SYS_MADVISE, begin, end-begin, uintptr(advice))
	return failed
}
