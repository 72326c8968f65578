package e2e_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestABodyThatComesLateIsNotPassedUnseen: HAProxy waits for a body, and not for ever. What arrives after that, behind an honest
// signature over no body, must not reach the API.
func TestABodyThatComesLateIsNotPassedUnseen(t *testing.T) {
	s := newSite(t)
	at := s.doors(t)
	server := s.serveAs(t, exec.Command(binary(t)))
	p := s.haproxy(t, server, at["haproxy"], "wait-for-body time 10s", "wait-for-body time 300ms")
	for _, c := range []struct{ name, field, body string }{
		{"in chunks", "Transfer-Encoding: chunked", "8\r\n{\"a\":12}\r\n0\r\n\r\n"},
		{"with a length", "Content-Length: 8", `{"a":12}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := call{method: "GET", target: unique("late"), extra: []string{c.field}}
			requests, size := p.upstream.mark()
			w, err := p.connect(sandbox, "http/1.1")
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			w.send(one.raw(p.Environments[sandbox]))
			a, err := w.read("GET") // the answer comes before the body does
			t.Logf("%v %v", a, err)
			w.send(c.body)
			if a == nil || a.status < 400 {
				t.Errorf("%v, %v", a, err)
			}
			w.rest()
			if got, text := p.upstream.since(requests, size); len(got) != 0 || strings.Contains(text, "late") {
				t.Errorf("the upstream saw %q", text)
			}
		})
	}
}
