package main

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// TestStrangersDoNotKeepProxiesOut: those on no list hold one place, and the next of them is closed unheard; a listed one comes in.
func TestStrangersDoNotKeepProxiesOut(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	listed := make(chan bool, 3)
	dropped := 0
	l := &doorListener{Listener: inner, listed: func(netip.Addr) bool { return <-listed }, strangers: make(chan struct{}, 1), dropped: func() { dropped++ }}
	dial := func(is bool) net.Conn {
		listed <- is
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial(false)
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := dial(false)
	proxy := dial(true)
	third, err := l.Accept()
	if err != nil || third.RemoteAddr().String() != proxy.LocalAddr().String() {
		t.Fatalf("%v, %v instead of the proxy", err, third)
	}
	defer third.Close()
	if n, err := second.Read(make([]byte, 1)); err == nil || dropped != 1 {
		t.Errorf("a second stranger is heard: %d bytes, %d counted", n, dropped)
	}
	_ = first.Close()
	_ = first.Close() // does nothing more
	dial(false)
	if again, err := l.Accept(); err != nil {
		t.Errorf("a place is not given back: %v", err)
	} else {
		_ = again.Close()
	}
}

// TestABodyThatIsNotSentHoldsNoConnectionOfADoor: net/http waits for it before it answers, also where nobody asks for it.
func TestABodyThatIsNotSentHoldsNoConnectionOfADoor(t *testing.T) {
	server := doorServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	if server.ReadTimeout <= 0 || server.ReadTimeout > doorWrite || server.WriteTimeout <= 0 || server.ReadHeaderTimeout <= 0 || server.IdleTimeout <= 0 {
		t.Fatalf("an end that is open: %+v", server)
	}
	server.ReadTimeout = 20 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	defer func() { _ = server.Close(); <-ended }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection is held: %v", err)
	}
}
