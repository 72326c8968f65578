//go:build linux

package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakeSite is a site without processes: a certificate and credentials.
func fakeSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), given: credentials{keyID: "0123456789abcdef0123456789abcdef", secret: "secret", appKey: "app"}}
	if err := s.certificate(); err != nil {
		t.Fatal(err)
	}
	return s
}

// listen serves connections over TLS until the test ends; all of them have ended then.
func (s *site) listen(t *testing.T, serve func(net.Conn)) *peer {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(s.path("cert.pem"), s.path("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		all.Wait()
	})
	return &peer{name: "fake", address: ln.Addr().String()}
}

// reply answers every request of a connection with a text that the function makes of it.
func reply(answer func(*http.Request, []byte) string) func(net.Conn) {
	return func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			if _, err := io.WriteString(c, answer(req, body)); err != nil {
				return
			}
		}
	}
}

const good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

// genuine reports whether a request is signed with the site's secret.
func (s *site) genuine(r *http.Request, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(s.given.secret))
	mac.Write([]byte(r.Header.Get("X-Auth-Timestamp") + r.Method + r.RequestURI))
	mac.Write(body)
	return r.Header.Get("X-Auth-Token") == s.given.keyID && r.Header.Get("X-Auth-Signature") == hex.EncodeToString(mac.Sum(nil))
}

// sockets counts this process's open sockets.
func sockets(t *testing.T) (count int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if to, err := os.Readlink(one); err == nil && strings.HasPrefix(to, "socket:") {
			count++
		}
	}
	return count
}
