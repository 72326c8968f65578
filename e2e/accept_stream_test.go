package e2e_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// siem is a receiver of syslog over TLS (RFC 5425): messages with their length before them.
type siem struct {
	net.Listener
	mu       sync.Mutex
	messages []string
	open     []net.Conn
}

// listenSIEM receives at an address.
func listenSIEM(t *testing.T, address, cert, key string) *siem {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	s := &siem{Listener: ln}
	t.Cleanup(s.shut)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, c)
			s.mu.Unlock()
			go s.receive(c)
		}
	}()
	return s
}

func (s *siem) receive(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		digits, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(digits, " "))
		if err != nil || n < 1 || n > 1<<20 {
			s.keep(fmt.Sprintf("no length: %q", digits))
			return
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return
		}
		s.keep(string(text))
	}
}

func (s *siem) keep(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, message)
}

// shut ends the receiver and its connections.
func (s *siem) shut() {
	_ = s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		_ = c.Close()
	}
}

// await waits until a message with each of the texts has come.
func (s *siem) await(t *testing.T, texts ...string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		all := strings.Join(s.messages, "\n")
		s.mu.Unlock()
		missing := ""
		for _, text := range texts {
			if !strings.Contains(all, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("%q never came; there is\n%.3000s", missing, all)
		}
	}
}

// TestSyslogGetsEverything: a receiver over TLS gets each decision and each change; while it is away nothing is held up, and what it
// missed comes when it is back; one with another certificate gets nothing.
func TestSyslogGetsEverything(t *testing.T) {
	s := newSite(t)
	cert, key := certificate(t)
	address := freeAddress(t) // nobody else has it while the receiver is away
	receiver := listenSIEM(t, address, cert, key)
	s.settings["DECISIONS"] = "{when_full: refuse, patience: 60s}\n  stream: {syslog: {address: \"" + address + "\", ca_file: " + cert + ", host: gate-1}}"
	d := s.serve(t)
	first := d.signed(t, sandbox, get("told")).want(t, 200).requestID()
	s.must(t, "partner", "add", "Bank of the Stream")
	receiver.await(t, first, "partner.created", "Bank of the Stream")
	receiver.mu.Lock()
	for _, m := range receiver.messages {
		if !strings.HasPrefix(m, "<") || !strings.Contains(m, " gate-1 countersign ") {
			t.Errorf("not a message of RFC 5424 with the host and the program: %.200q", m)
		}
	}
	receiver.mu.Unlock()

	receiver.shut()
	lost := d.signed(t, sandbox, get("lost")).want(t, 200).requestID() // the first write on a broken connection may succeed
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		d.signed(t, sandbox, get("away")).want(t, 200)
		if _, body := d.page(t, "/readyz"); strings.Contains(body, `"name":"stream","state":"failing"`) {
			break
		}
		if time.Since(begun) > startLimit {
			t.Fatal("nobody notices that the receiver is away")
		}
	}
	away := d.signed(t, sandbox, get("away")).want(t, 200).requestID()

	strange, strangeKey := certificate(t)
	impostor := listenSIEM(t, address, strange, strangeKey)
	d.signed(t, sandbox, get("impostor")).want(t, 200)
	d.until(t, "/readyz", 200, `certificate`)
	impostor.mu.Lock()
	if len(impostor.messages) > 0 {
		t.Errorf("a receiver with another certificate got %.200q", impostor.messages)
	}
	impostor.mu.Unlock()
	impostor.shut()

	back := listenSIEM(t, address, cert, key)
	back.await(t, lost, away)
	d.until(t, "/readyz", 200, `"name":"stream","state":"ok"`)
}
