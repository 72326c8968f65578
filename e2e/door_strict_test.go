package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// strictDoors are the doors of the tests below: nginx's over a port and over a socket, Envoy's HTTP form over both, and net/http.
var strictDoors = []struct {
	name, settings string
	socket, envoy  bool
	standard       bool
}{
	{name: "a port", settings: "kind: forward_auth, proxy: nginx_auth_request"},
	{name: "a socket", settings: "kind: forward_auth, proxy: nginx_auth_request", socket: true},
	{name: "net/http", settings: "kind: forward_auth, proxy: nginx_auth_request, standard: true", standard: true},
	{name: "net/http over a socket", settings: "kind: forward_auth, proxy: nginx_auth_request, standard: true", socket: true, standard: true},
	{name: "Envoy, a port", settings: "kind: ext_authz_http, envoy: {with_request_body: true, encode_raw_headers: true}", envoy: true},
	{name: "Envoy, a socket", settings: "kind: ext_authz_http, envoy: {with_request_body: true, encode_raw_headers: true}", socket: true, envoy: true},
	{name: "Envoy, net/http over a socket", settings: "kind: ext_authz_http, standard: true, envoy: {with_request_body: true, encode_raw_headers: true}", socket: true, envoy: true, standard: true},
}

// strictSite serves them, and returns where each listens, and how a question of its proxy about a signed GET is written.
func strictSite(t *testing.T) (server *dev, at []string, ask func(envoy bool) string) {
	t.Helper()
	s := newSite(t)
	var lines strings.Builder
	for i, d := range strictDoors {
		address, who := freeAddress(t), ", proxies: [127.0.0.1/32]"
		if d.socket {
			address, who = "unix:"+filepath.Join(s.dir, strconv.Itoa(i)+".sock"), ""
		}
		at = append(at, address)
		fmt.Fprintf(&lines, "      - {%s, address: %q%s}\n", d.settings, address, who)
	}
	s.writeText(t, strings.Replace(s.text(), "    apis:\n", "    doors:\n"+lines.String()+"    apis:\n", 1))
	server = s.serveAs(t, exec.Command(binary(t)))
	card := server.Environments[sandbox].Card
	sign := func(method, target, body string) [][2]string {
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		return [][2]string{{"x-auth-token", card.APIToken}, {"x-auth-timestamp", ts}, {"x-auth-signature", mac(card.APISecret, ts, method, target, body)}}
	}
	return server, at, func(envoy bool) string {
		if envoy {
			return envoyQuestion(sign)()
		}
		return nginxQuestion(sign)()
	}
}

// dialDoor opens a connection to a door.
func dialDoor(t *testing.T, address string) net.Conn {
	t.Helper()
	network, at := "tcp", address
	if path, socket := strings.CutPrefix(address, "unix:"); socket {
		network, at = "unix", path
	}
	c, err := net.Dial(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(wireLimit))
	return c
}

// TestDoorsReadWhatProxiesSend: each way in which a proxy may write an honest question is read, over every kind of connection, and the
// connection goes on where the proxy wants it to.
func TestDoorsReadWhatProxiesSend(t *testing.T) {
	_, at, ask := strictSite(t)
	for i, d := range strictDoors {
		for _, one := range []struct {
			name string
			edit *strings.Replacer
			ends bool
		}{
			{name: "as it is", edit: strings.NewReplacer()},
			{name: "a length of nothing", edit: strings.NewReplacer("content-length: 0\r\n", "", "\r\nhost:", "\r\nContent-Length: 0\r\nhost:")},
			{name: "HTTP/1.0", edit: strings.NewReplacer("HTTP/1.1\r\nhost", "HTTP/1.0\r\nhost"), ends: true},
			{name: "HTTP/1.0 that keeps the connection", edit: strings.NewReplacer("HTTP/1.1\r\nhost", "HTTP/1.0\r\nConnection: keep-alive\r\nhost")},
			{name: "HTTP/1.1 that ends it", edit: strings.NewReplacer("HTTP/1.1\r\nhost", "HTTP/1.1\r\nConnection: close\r\nhost"), ends: true},
			{name: "a head of 100 KiB", edit: strings.NewReplacer("\r\nhost", "\r\nX-Long: "+strings.Repeat("x", 100<<10)+"\r\nhost")},
			{name: "800 fields", edit: strings.NewReplacer("\r\nhost", "\r\n"+strings.Repeat("X-Many: x\r\n", 800)+"host")},
		} {
			if d.envoy && strings.Contains(one.name, "Connection") { // what it says there would be its caller's
				continue
			}
			t.Run(d.name+", "+one.name, func(t *testing.T) {
				c := dialDoor(t, at[i])
				in := bufio.NewReader(c)
				for range 2 {
					if _, err := io.WriteString(c, one.edit.Replace(ask(d.envoy))); err != nil {
						t.Fatal(err)
					}
					r, err := http.ReadResponse(in, nil)
					if err != nil {
						t.Fatal(err)
					}
					text, err := io.ReadAll(r.Body)
					if err != nil || r.StatusCode != http.StatusOK || r.Header.Get("Countersign-Partner") == "" {
						t.Fatalf("%d %s, %v", r.StatusCode, text, err)
					}
					if one.ends {
						if _, err := in.ReadByte(); err != io.EOF {
							t.Errorf("the connection goes on: %v", err)
						}
						return
					}
				}
			})
		}
	}
}

// TestRule24DoorsReadQuestionsStrictly: a question that two programs could read in two ways lets nothing in. Where its bytes are clear but
// for one fault, it is recorded; the connection ends in any case. What the caller's own target says is judged as the caller's.
func TestRule24DoorsReadQuestionsStrictly(t *testing.T) {
	server, at, ask := strictSite(t)
	const recorded = "malformed_check"
	for i, d := range strictDoors {
		if d.standard {
			continue
		}
		for _, one := range []struct {
			name, from, to string
			reason         string // in the record; empty: the reader answers by itself
		}{
			{"a bare line feed", "\r\nhost:", "\nhost:", recorded},
			{"a folded field", "\r\nhost:", "\r\nX-Fold: a\r\n b\r\nhost:", recorded},
			{"a length beside chunks", "\r\nhost:", "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nhost:", recorded},
			{"chunks under HTTP/1.0", "HTTP/1.1\r\nhost:", "HTTP/1.0\r\nTransfer-Encoding: chunked\r\nhost:", recorded},
			{"two lengths", "\r\nhost:", "\r\nContent-Length: 0\r\nContent-Length: 0\r\nhost:", ""},
			{"absolute form", "GET /", "GET http://api.example.com/", ""},
			{"two hosts", "\r\nhost:", "\r\nhost: other.example.com\r\nhost:", ""},
			{"space before the colon", "\r\nhost:", "\r\nhost :", ""},
			{"a head of 200 KiB", "\r\nhost:", "\r\nX-Long: " + strings.Repeat("x", 200<<10) + "\r\nhost:", ""},
			{"beyond ASCII in the target", "/cards/", "/c\xc3\xa4rds/", "malformed_target"},
		} {
			t.Run(d.name+", "+one.name, func(t *testing.T) {
				text := strings.NewReplacer("content-length: 0\r\n", "").Replace(ask(d.envoy))
				if !strings.Contains(text, one.from) {
					t.Fatalf("the question has no %q", one.from)
				}
				c := dialDoor(t, at[i])
				go func() { _, _ = io.WriteString(c, strings.ReplaceAll(text, one.from, one.to)) }()
				in := bufio.NewReader(c)
				r, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				told, _ := io.ReadAll(r.Body)
				if r.StatusCode < 400 || r.StatusCode >= 500 {
					t.Errorf("%d %s", r.StatusCode, told)
				}
				id := r.Header.Get("Countersign-Request-Id")
				switch {
				case one.reason == "" && id != "":
					t.Errorf("decided about: %d %s", r.StatusCode, told)
				case one.reason != "" && server.awaitLine(t, id).text("reason") != one.reason:
					t.Errorf("recorded as %v", server.awaitLine(t, id))
				}
				if one.reason != "malformed_target" {
					if _, err := in.ReadByte(); err != io.EOF {
						t.Errorf("the connection goes on: %v", err)
					}
				}
			})
		}
	}
}
