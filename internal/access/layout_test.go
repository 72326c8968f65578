package access

import (
	"testing"
	"unsafe"

	"countersign.dev/scheme"
)

// TestLayout: a decision reads one slot of a table, two lines of a credential and two of its partner; the third line of a credential only
// where a key is one of the longer algorithms. A field that moves this apart costs a tenth of a decision with a million credentials, and
// shows up nowhere else. A key of SHA-256 has 65 bytes that are read: one that says which algorithm, and its two states.
func TestLayout(t *testing.T) {
	const line = 64
	var r row
	key := unsafe.Offsetof(r.key)
	for what, ok := range map[string]bool{
		"a row is three lines":                          unsafe.Sizeof(r) == 3*line,
		"a slab begins at the beginning of a line":      newSlabAt()%line == 0,
		"all but the key stands in the first line":      key <= line,
		"a SHA-256 key ends in the second line":         key+65 <= 2*line,
		"view touches the second line":                  keyLine == line,
		"a row is its own fields and the key, no holes": key+unsafe.Sizeof(scheme.Key{}) == unsafe.Sizeof(r),
		"a partner is two lines":                        unsafe.Sizeof(Partner{}) == 2*line,
		"prefixes stand in its first line":              unsafe.Offsetof(Partner{}.near) == 0 && unsafe.Sizeof(Partner{}.near) <= line,
		"the rest that is read stands in its second":    unsafe.Offsetof(Partner{}.more) >= line,
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
}

func newSlabAt() uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(room[row](slabRows, nil))))
}
