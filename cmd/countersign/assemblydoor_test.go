package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSocketsOfDoors: the group may open one, a stale one is replaced, one that is answered on is not, and neither is a file.
func TestSocketsOfDoors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	first, err := listenDoor("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	go func() {
		for {
			c, err := first.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	if _, err := listenDoor("unix:" + path); err == nil || !strings.Contains(err.Error(), "somebody listens") {
		t.Errorf("a socket that is answered on: %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as after a crash
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := listenDoor("unix:" + path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("no socket"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenDoor("unix:" + path); err == nil {
		t.Error("a file was replaced by a socket")
	}
}
