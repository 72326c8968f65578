package access

import "time"

// breath lets requests have the processor while much is done beside them: the scheduler by itself would let them wait for up to ten
// milliseconds behind one that computes, and while the garbage collector has the other processor, nobody would ask the network for them.
// nil and the zero value never pause: nobody is served yet.
type breath struct {
	pause func(time.Duration)
	done  int // rows since the last pause
}

const (
	breathEvery = 1024 // rows, in less than a millisecond
	breathFor   = 50 * time.Microsecond
)

// take is called for some rows, before they are done: at most breathEvery of them.
func (b *breath) take(rows int) {
	if b == nil || b.pause == nil {
		return
	}
	if b.done += rows; b.done > breathEvery {
		b.now()
		b.done = rows
	}
}

// now pauses.
func (b *breath) now() {
	if b.serving() {
		b.done = 0
		b.pause(breathFor)
	}
}

// serving reports whether requests are decided on meanwhile.
func (b *breath) serving() bool { return b != nil && b.pause != nil }
