package stepcount

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	toldFD = 3 // the counted process writes its thread's id
	goFD   = 4 // and waits for a byte
)

// beCounted is the second process: it says which thread it is on, waits until the others are stopped, and runs into each section, which
// begins and ends with a signal to itself. It does not return.
func beCounted(run func()) {
	debug.SetGCPercent(-1)
	for range 300 {
		run()
	}
	runtime.LockOSThread()
	pid, tid := syscall.Getpid(), syscall.Gettid()
	if pid == tid { // the end of the first thread cannot be waited for before that of all others
		go beCounted(run)
		select {}
	}
	if _, err := syscall.Write(toldFD, []byte(strconv.Itoa(tid)+"\n")); err != nil {
		os.Exit(3)
	}
	await()
	runtime.UnlockOSThread() // it can go nowhere: there is no other thread any more
	mark(pid, tid)
	section(pid, tid, func() {})
	for range turns {
		section(pid, tid, run)
	}
	os.Exit(0)
}

// await waits for the byte behind the runtime's back: it would give the right to run Go code to another thread meanwhile, and that one is
// about to be stopped.
//
//go:nosplit
func await() {
	var one [1]byte
	for {
		n, _, _ := syscall.RawSyscall(syscall.SYS_READ, goFD, uintptr(unsafe.Pointer(&one)), 1)
		switch n {
		case 1:
			return
		case 0: // whoever counts is gone
			_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 3, 0, 0)
		}
	}
}

// section runs what is counted. It gives way first, so that the runtime has no wish left to interrupt it.
//
//go:noinline
func section(pid, tid int, run func()) {
	runtime.Gosched()
	mark(pid, tid)
	run()
	mark(pid, tid)
}

// mark stops this thread, if it is traced: a signal that no program can catch.
//
//go:nosplit
func mark(pid, tid int) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(tid), uintptr(syscall.SIGSTOP))
}
