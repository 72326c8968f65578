package heldport_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"countersign.dev/internal/heldport"
)

// stranger binds a socket that shares with nobody, as the kernel does where it chooses the port itself.
func stranger(t *testing.T, address string) error {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	at := netip.MustParseAddrPort(address)
	return syscall.Bind(fd, &syscall.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())})
}

// TestAHeldPortIsKeptForItsServer: nobody else has it before, between and after two servers that listen on it.
func TestAHeldPortIsKeptForItsServer(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "127.0.0.7"} {
		address := heldport.Hold(t, host)
		for range 3 {
			if err := stranger(t, address); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("%s: a stranger is given the port: %v", address, err)
			}
			if c, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: a connection where nobody listens: %v, %v", address, c, err)
			}
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatalf("its own server: %v", err)
			}
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Close(), l.Close()
		}
	}
}

// TestAHeldPortIsGivenBack with the end of the test that held it.
func TestAHeldPortIsGivenBack(t *testing.T) {
	var address string
	t.Run("holder", func(t *testing.T) { address = heldport.Hold(t, "127.0.0.9") })
	if err := stranger(t, address); err != nil {
		t.Errorf("%s: %v", address, err)
	}
}

// TestTwoHoldersNeverShare, in whatever process they are.
func TestTwoHoldersNeverShare(t *testing.T) {
	seen := map[int]bool{}
	for range 500 {
		port := heldport.Number(t)
		if seen[port] {
			t.Fatalf("port %d is held twice", port)
		}
		seen[port] = true
	}
}
