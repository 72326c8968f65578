package strict_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
)

// TestDirect: over TCP, a Unix socket and something else all bytes arrive, deadlines hold, and the end is told.
func TestDirect(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "pipe"} {
		t.Run(network, func(t *testing.T) {
			ours, theirs := connected(t, network)
			defer ours.Close()
			d, sent := strict.Direct(ours), bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
			if err := d.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				back := make([]byte, len(sent))
				_, err := io.ReadFull(theirs, back)
				if err == nil {
					_, err = theirs.Write(back)
				}
				ended <- errors.Join(err, theirs.Close())
			}()
			if n, err := d.Write(sent); err != nil || n != len(sent) {
				t.Fatalf("%d bytes written, %v", n, err)
			}
			if back, err := io.ReadAll(d); err != nil || !bytes.Equal(back, sent) {
				t.Errorf("%d bytes came back, %v", len(back), err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			again, _ := connected(t, network)
			defer again.Close()
			late := strict.Direct(again)
			_ = late.SetReadDeadline(time.Now().Add(-time.Second))
			if _, err := late.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a deadline that has passed: %v", err)
			}
		})
	}
}

// connected are the two ends of a connection, closed with the test.
func connected(t *testing.T, network string) (ours, theirs net.Conn) {
	t.Helper()
	if network == "pipe" {
		ours, theirs = net.Pipe()
	} else {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(t.TempDir(), "s.sock")
		}
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if theirs, err = net.Dial(network, l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if ours, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}
