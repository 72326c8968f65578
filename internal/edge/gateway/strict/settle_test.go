package strict_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/strict"
)

// TestFirstRequestsAreAnsweredAtTheEnd: of connections that were had before the server stopped to accept. http.Server drops what it reads
// while it shuts down, and nobody sends the first request of a connection again by itself.
func TestFirstRequestsAreAnsweredAtTheEnd(t *testing.T) {
	for name, ask := range map[string]func(*door, *tls.Conn) error{"http/1.1": (*door).askLate, "h2": (*door).askLateHTTP2} {
		for {
			begun := time.Now()
			err := askedAtTheEnd(t, name, ask)
			if err == nil {
				break
			}
			if time.Since(begun) < strict.NewGrace { // a caller that was held up for longer may find the door shut
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// askedAtTheEnd connects, has the server stop, and only then asks.
func askedAtTheEnd(t *testing.T, protocol string, ask func(*door, *tls.Conn) error) error {
	d := openDoor(t, nil)
	conn, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	ended := make(chan error, 1)
	go func() {
		d.listener.Stop(t.Context())
		d.listener.Settle(t.Context())
		ended <- d.shutdown(t.Context())
	}()
	for { // until it has stopped
		other, err := net.Dial("tcp", d.addr)
		if err != nil {
			break
		}
		_ = other.Close()
	}
	err = ask(d, conn)
	_ = conn.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return err
}

func (d *door) askLate(conn *tls.Conn) error {
	_, _ = io.WriteString(conn, "GET /late HTTP/1.1\r\n"+host+"Connection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *door) askLateHTTP2(conn *tls.Conn) error {
	transport := &http.Transport{Protocols: new(http.Protocols), DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	transport.Protocols.SetHTTP2(true)
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest("GET", "https://"+d.addr+"/late", nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(request)
	if err == nil {
		_ = answer.Body.Close()
	}
	return err
}

// TestSettlingIsNotForEver: a connection without a request holds an end up for a while, and none whose ctx is over.
func TestSettlingIsNotForEver(t *testing.T) {
	d := openDoor(t, nil)
	d.dial()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	d.listener.Settle(over)
	d.listener.Settle(t.Context())
}
