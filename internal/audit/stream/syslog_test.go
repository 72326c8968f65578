package stream_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/stream"
)

// TestAReceiverWithoutAKnownCertificateGetsNothing.
func TestAReceiverWithoutAKnownCertificateGetsNothing(t *testing.T) {
	w := newWorld(t)
	recordtest.New(t, w.dir).Write(10, false)
	certificate, _ := identity(t)
	_, other := identity(t)
	server := listen(t, &tls.Config{Certificates: []tls.Certificate{certificate}})
	sink, err := stream.NewSyslog(stream.SyslogConfig{Address: server.address, TLS: &tls.Config{RootCAs: other}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Send(t.Context(), []stream.Message{{Record: stream.Decisions, Seq: 1, Text: []byte("{}")}}); err == nil {
		t.Error("sent to a stranger")
	}
	if len(server.messages) != 0 {
		t.Error("the stranger has it")
	}
}

func TestWhatSyslogRefuses(t *testing.T) {
	for name, c := range map[string]stream.SyslogConfig{
		"no address":        {},
		"no port":           {Address: "siem.example"},
		"plain, far":        {Address: "192.0.2.1:514", Plain: true},
		"plain, by name":    {Address: "localhost:514", Plain: true},
		"no check":          {Address: "siem.example:6514", TLS: &tls.Config{InsecureSkipVerify: true}},
		"negative patience": {Address: "siem.example:6514", Patience: -1},
	} {
		if _, err := stream.NewSyslog(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for name, c := range map[string]stream.SyslogConfig{
		"TLS":                  {Address: "siem.example:6514"},
		"plain, here":          {Address: "127.0.0.1:514", Plain: true},
		"plain, far, if asked": {Address: "192.0.2.1:514", Plain: true, PlainFar: true},
	} {
		if _, err := stream.NewSyslog(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAConfirmationIsTheServersEnd: it has read all, or it has not, or it says nothing.
func TestAConfirmationIsTheServersEnd(t *testing.T) {
	for name, c := range map[string]struct {
		serve      func(*net.TCPConn)
		fails      bool
		unanswered uint64
	}{
		"reads all, then ends": {serve: func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }},
		"resets, half unread": {fails: true, serve: func(conn *net.TCPConn) {
			_, _ = io.ReadFull(conn, make([]byte, 100))
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}},
		"ends first": {fails: true, serve: func(conn *net.TCPConn) {
			_, _ = io.ReadFull(conn, make([]byte, 5000))
			_ = conn.CloseWrite()
		}},
		"never ends": {unanswered: 1, serve: func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) }},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan *net.TCPConn, 100)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					c.serve(conn.(*net.TCPConn))
					served <- conn.(*net.TCPConn)
				}()
			}
		}()
		patience := 30 * time.Second
		if c.unanswered > 0 {
			patience = 20 * time.Millisecond
		}
		sink, err := stream.NewSyslog(stream.SyslogConfig{Address: l.Addr().String(), Plain: true, Patience: patience, Settle: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		send := func() error {
			return sink.Send(t.Context(), []stream.Message{{Record: "decisions", Seq: 1, Text: []byte(strings.Repeat("x", 5000))}})
		}
		err = send()
		for late := net.Error(nil); errors.As(err, &late) && late.Timeout(); { // a busy machine takes longer than a short patience
			err = send()
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.fails {
			<-served // the reset is on its way before the question
		}
		if err := sink.Confirm(t.Context()); (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		if sink.Unanswered() != c.unanswered {
			t.Errorf("%s: %d unanswered", name, sink.Unanswered())
		}
		if err := sink.Confirm(t.Context()); err != nil {
			t.Errorf("%s: nothing to confirm: %v", name, err)
		}
		_ = l.Close()
	}
}
