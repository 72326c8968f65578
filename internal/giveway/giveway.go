// Package giveway is how work that takes long leaves the processor to requests now and then. It owns the pause, and refuses to know for what.
package giveway

import (
	"runtime"
	"time"
)

// For lets whoever waits go first: those whom the network has something for, while this one sleeps for at least d, and then all who wait for
// this processor. Without the second half one of them would get in at each pause: whoever a timer wakes goes before those who wait
// already, and while the garbage collector has the other processor nobody takes them over.
func For(d time.Duration) {
	time.Sleep(d)
	runtime.Gosched()
}
