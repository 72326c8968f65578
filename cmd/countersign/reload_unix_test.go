//go:build unix

package main

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"countersign.dev/internal/config"
)

// TestAHangupIsHeardAsSoonAsSomebodyMaySendOne: a server says that it serves before it looks at its file for the first time, and a
// SIGHUP in between must not end it.
func TestAHangupIsHeardAsSoonAsSomebodyMaySendOne(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte(strings.Replace(scopedConfig, "admin: ADMIN\n", "", 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(&serveOptions{config: "c.yaml"}, cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.reload.announce(s); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-s.reload.hangups
}
