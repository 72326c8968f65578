//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// ownedBy is a file of some user.
type ownedBy struct {
	fs.FileInfo
	uid uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

// TestAFileOfAnotherUserIsNotTakenUnasked: a configuration that somebody left in the working folder could lead elsewhere.
func TestAFileOfAnotherUserIsNotTakenUnasked(t *testing.T) {
	me := uint32(os.Geteuid())
	for uid, want := range map[uint32]bool{me: true, 0: true, me + 12345: false} {
		if got := ownedByUs(ownedBy{uid: uid}); got != want {
			t.Errorf("of user %d, asked by %d: %v, want %v", uid, me, got, want)
		}
	}
	if ownedByMe(ownedBy{uid: me + 1}) || !ownedByMe(ownedBy{uid: me}) {
		t.Error("another user's file is taken for one's own")
	}
}
