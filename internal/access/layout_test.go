package access

import (
	"testing"
	"unsafe"
)

// TestLayout: what a decision reads of a credential and its partner stands where index.go and decision.go say it does.
// A field that moves it apart costs a tenth of a decision with a million credentials and shows up nowhere else.
func TestLayout(t *testing.T) {
	var c Credential
	for what, is := range map[string][2]uintptr{
		"size of Credential": {unsafe.Sizeof(c), 256},
		"offset of the key":  {unsafe.Offsetof(c.key), 64},
		"size of Partner":    {unsafe.Sizeof(Partner{}), 128},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %d bytes, want %d", what, is[0], is[1])
		}
	}
}
