package e2e_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestUpstreamDown: no upstream is 502, told in the format of each family.
func TestUpstreamDown(t *testing.T) {
	url := "http://" + freeAddress(t)
	r := &rig{dev: start(t, folder(t), "--card-upstream", url, "--aggregation-upstream", url)}
	r.refused(t, r.signed(t, sandbox, get("down")), 502, "upstream_unreachable", "upstream_unreachable")
	token := r.token(t, sandbox) // the gateway's own: it needs no upstream
	c := tokenCall{method: "GET", path: "/v1/customers", token: token, accept: jsonType}
	if a := r.called(t, sandbox, c).want(t, 502); a.code(t) != 14020 {
		t.Errorf("%v", a)
	}
	c.accept = xmlType
	if a := r.called(t, sandbox, c).want(t, 502); !strings.HasPrefix(string(a.body), xmlHead+"<error><code>14020</code>") {
		t.Errorf("%v", a)
	}
}

// TestUpstreamAnswersOddly: what is not one HTTP answer becomes 502, nothing of it is passed on, and the next caller gets
// its own answer.
func TestUpstreamAnswersOddly(t *testing.T) {
	r := onRecorder(t)
	const inner = "X-Inner: leaked\r\n"
	for name, text := range map[string]string{
		"no HTTP":            "220 smtp.example ready\r\n",
		"status of 2 digits": "HTTP/1.1 20 OK\r\n" + inner + "Content-Length: 2\r\n\r\nhi",
		"version 9.9":        "HTTP/9.9 200 OK\r\n" + inner + "Content-Length: 2\r\n\r\nhi",
		"two lengths":        "HTTP/1.1 200 OK\r\n" + inner + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
		"length and chunked": "HTTP/1.1 200 OK\r\n" + inner + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		"folded":             "HTTP/1.1 200 OK\r\n" + inner + " folded\r\nContent-Length: 2\r\n\r\nhi",
		"bare LF":            "HTTP/1.1 200 OK\n" + inner + "Content-Length: 2\n\nhi",
		"switching":          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
		"nothing":            "",
	} {
		t.Run(name, func(t *testing.T) {
			c := patch("odd")
			r.upstream.on(c.target, func(w io.Writer, _ *seen) { _, _ = io.WriteString(w, text); shut(w) })
			a := r.signed(t, sandbox, c)
			reason := "upstream_invalid"
			if text == "" {
				reason = "upstream_unreachable"
			}
			r.refused(t, a, 502, reason, reason)
			if strings.Contains(a.String(), "leaked") || a.header.Get("Upgrade") != "" {
				t.Errorf("something of the upstream's answer came through: %v", a)
			}
			r.signed(t, sandbox, get("next")).want(t, 200)
		})
	}
}

func shut(w io.Writer) {
	if c, ok := w.(io.Closer); ok {
		_ = c.Close()
	}
}

// TestAnswersArriveWhole: status, headers and body of the upstream, whatever the status is, after an interim answer too.
func TestAnswersArriveWhole(t *testing.T) {
	r := onRecorder(t)
	for _, status := range []int{200, 201, 202, 302, 400, 401, 404, 409, 418, 500, 503} {
		c, body := get("whole"), fmt.Sprintf(`{"status":%d,"é":"€"}`, status)
		r.upstream.on(c.target, func(w io.Writer, _ *seen) {
			fmt.Fprint(w, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
			fmt.Fprintf(w, "HTTP/1.1 %d Own Words\r\nContent-Type: text/own; charset=utf-8\r\nX-Own: a\r\nX-Own: b\r\n", status)
			fmt.Fprintf(w, "Location: /elsewhere\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		})
		a := r.signed(t, sandbox, c).want(t, status)
		kind, place := a.header.Get("Content-Type"), a.header.Get("Location")
		if string(a.body) != body || len(a.header.Values("X-Own")) != 2 || kind != "text/own; charset=utf-8" || place != "/elsewhere" {
			t.Errorf("%v", a)
		}
		if a.requestID() == "" {
			t.Errorf("no request id on an answer that was passed on: %v", a)
		}
	}
}

// TestUpstreamCannotSpeakForTheGateway: identity, request id and connection headers of an upstream are not passed on.
func TestUpstreamCannotSpeakForTheGateway(t *testing.T) {
	r := onRecorder(t)
	c := get("speaks")
	r.upstream.on(c.target, func(w io.Writer, _ *seen) {
		fmt.Fprint(w, "HTTP/1.1 200 OK\r\nCountersign-Request-Id: spoof\r\nCountersign-Partner: spoof\r\nConnection: X-Named\r\n")
		fmt.Fprint(w, "X-Named: spoof\r\nKeep-Alive: spoof\r\nContent-Length: 2\r\n\r\nok")
	})
	if a := r.signed(t, sandbox, c).want(t, 200); strings.Contains(fmt.Sprint(a.header), "spoof") {
		t.Errorf("%v", a)
	}
}

// TestNoContentTypeIsGuessed: an answer without a Content-Type arrives without one, whatever its body looks like.
func TestNoContentTypeIsGuessed(t *testing.T) {
	r := onRecorder(t)
	c, body := get("untyped"), "<html><script>alert(1)</script></html>"
	r.upstream.on(c.target, func(w io.Writer, _ *seen) {
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	})
	a := r.signed(t, sandbox, c).want(t, 200)
	if kind, there := a.header["Content-Type"]; there || string(a.body) != body {
		t.Errorf("Content-Type %q: %v", kind, a)
	}
}
