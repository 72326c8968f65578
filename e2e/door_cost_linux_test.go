package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// costTurns and costCallers are how the cost of a check is measured: turns of each door and its yardstick, one after the other.
const (
	costTurns   = 7
	costCallers = 16
)

// asker asks one server, over connections that it keeps. Number i is what makes a question another one.
type asker func(caller, i int) error

// TestDoorsLetHonestRequestsIn asks each door many times, as its proxy would, and a bare server of the same protocol in turns with
// it. Every answer must let the request in. With COUNTERSIGN_DOOR_CHECKS, the number of checks of a turn, it tells the processor
// time of a check in the serving process: `make bench SECTION=doors`. No time is asserted.
func TestDoorsLetHonestRequestsIn(t *testing.T) {
	checks, err := strconv.Atoi(os.Getenv("COUNTERSIGN_DOOR_CHECKS"))
	measured := err == nil
	if !measured {
		checks = 4 * costCallers
	}
	s := newSite(t)
	gRPC, overHTTP, forward, standard := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	s.writeText(t, strings.Replace(s.text(), "    apis:\n", fmt.Sprintf(`    doors:
      - {kind: ext_authz, address: %q, proxies: [127.0.0.1/32], envoy: {with_request_body: true}}
      - {kind: ext_authz_http, address: %q, proxies: [127.0.0.1/32], envoy: {with_request_body: true, encode_raw_headers: true}}
      - {kind: forward_auth, proxy: nginx_auth_request, address: %q, proxies: [127.0.0.1/32]}
      - {kind: forward_auth, proxy: nginx_auth_request, address: %q, proxies: [127.0.0.1/32], standard: true}
    apis:
`, gRPC, overHTTP, forward, standard), 1))
	server := s.serveAs(t, exec.Command(binary(t)))
	card := server.Environments[sandbox].Card
	sign := func(method, target, body string) [][2]string {
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		return [][2]string{{"user-agent", "backend/1.0"}, {"accept", "application/json"}, {"content-type", "application/json"}, {"accept-encoding", "gzip"},
			{"x-auth-token", card.APIToken}, {"x-auth-timestamp", ts}, {"x-auth-signature", mac(card.APISecret, ts, method, target, body)}}
	}
	pid := server.cmd.Process.Pid
	bareGRPC, barePID := startBare(t, "grpc")
	bareHTTP, bareHTTPPID := startBare(t, "http")
	pad := strings.Repeat("x", 1000)
	for _, one := range []struct {
		name        string
		ours, bare  asker
		bareProcess int
	}{
		{"ext_authz GET", overGRPC(t, gRPC, "GET", "", sign), overGRPC(t, bareGRPC, "GET", "", sign), barePID},
		{"ext_authz POST 1 KiB", overGRPC(t, gRPC, "POST", pad, sign), overGRPC(t, bareGRPC, "POST", pad, sign), barePID},
		{"ext_authz_http GET", overHTTP1(t, overHTTP, envoyQuestion(sign)), overHTTP1(t, bareHTTP, envoyQuestion(sign)), bareHTTPPID},
		{"forward_auth GET", overHTTP1(t, forward, nginxQuestion(sign)), overHTTP1(t, bareHTTP, nginxQuestion(sign)), bareHTTPPID},
		{"forward_auth GET, net/http", overHTTP1(t, standard, nginxQuestion(sign)), overHTTP1(t, bareHTTP, nginxQuestion(sign)), bareHTTPPID},
	} {
		var ours, bare, ratio []float64
		for turn := range costTurns {
			us := turnOf(t, pid, checks, turn, one.ours)
			theirs := turnOf(t, one.bareProcess, checks, turn, one.bare)
			if !measured {
				break
			}
			if turn > 0 { // the first one fills pools and opens connections
				ours, bare, ratio = append(ours, us), append(bare, theirs), append(ratio, us/theirs)
			}
		}
		if measured {
			t.Logf("%-26s %6.1f us of processor time a check, bare server %6.1f us, ratio %.2f", one.name, middle(ours), middle(bare), middle(ratio))
		}
	}
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// turnOf asks so many times and returns the processor time of the serving process for each, in microseconds.
func turnOf(t *testing.T, pid, checks, turn int, ask asker) float64 {
	t.Helper()
	before := processorTime(t, pid)
	var all sync.WaitGroup
	for caller := range costCallers {
		all.Go(func() {
			for i := range checks / costCallers {
				if err := ask(caller, (turn*costCallers+caller)*checks+i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return float64((processorTime(t, pid) - before).Microseconds()) / float64(checks)
}

// processorTime is what a process has spent on a processor, its own and the kernel's (proc(5), fields 14 and 15, in hundredths).
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int
	for _, i := range []int{14 - 3, 15 - 3} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// startBare starts the yardstick of a protocol.
func startBare(t *testing.T, kind string) (address string, pid int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), bareServer+"="+kind)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

type signer func(method, target, body string) [][2]string

// overGRPC asks as Envoy does, over two connections. The check requests are built from the protocol definition (synthetic).
func overGRPC(t *testing.T, address, method, pad string, sign signer) asker {
	t.Helper()
	var clients []authv3.AuthorizationClient
	for range 2 {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		clients = append(clients, authv3.NewAuthorizationClient(conn))
	}
	return func(caller, i int) error {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second) // less than the door's own: it makes no timer of its own then
		defer cancel()
		answer, err := clients[caller%len(clients)].Check(ctx, syntheticCheckOf(method, pad, i, sign))
		if err == nil && answer.GetOkResponse() == nil {
			err = fmt.Errorf("refused: %v", answer)
		}
		return err
	}
}

func syntheticCheckOf(method, pad string, i int, sign signer) *authv3.CheckRequest {
	target, body := "/api/v1/cards/10031000000000000001?page=2", ""
	if method == "POST" {
		body = fmt.Sprintf(`{"number":%d,"pad":%q}`, i, pad)
	}
	fields := append([][2]string{{":authority", "api.example.com"}, {":path", target}, {":method", method}, {":scheme", "https"}}, sign(method, target, body)...)
	h := &authv3.AttributeContext_HttpRequest{Id: strconv.Itoa(i), Method: method, Path: target, Host: "api.example.com", Scheme: "https", Protocol: "HTTP/1.1",
		Size: int64(len(body)), RawBody: []byte(body), HeaderMap: &corev3.HeaderMap{}}
	if body != "" {
		fields = append(fields, [2]string{"content-length", strconv.Itoa(len(body))}, [2]string{"x-envoy-auth-partial-body", "false"})
	}
	for _, f := range fields {
		h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: f[0], RawValue: []byte(f[1])})
	}
	peer := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 40123}}}}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Source: &authv3.AttributeContext_Peer{Address: peer}, Destination: &authv3.AttributeContext_Peer{Address: peer},
		Request: &authv3.AttributeContext_Request{Http: h}}}
}

// envoyQuestion is a GET as Envoy's HTTP form asks about it (synthetic); nginxQuestion as nginx with auth_request does.
func envoyQuestion(sign signer) func() string {
	return func() string { return question(sign, "x-original-peer: 127.0.0.1\r\ncontent-length: 0\r\n") }
}

func nginxQuestion(sign signer) func() string {
	return func() string {
		return question(sign, "x-original-method: GET\r\nx-original-uri: /api/v1/cards/10031000000000000001?page=2\r\nx-original-peer: 127.0.0.1\r\nx-original-body: HTTP/1.1 length= held= encoding=\r\n")
	}
}

func question(sign signer, own string) string {
	const target = "/api/v1/cards/10031000000000000001?page=2"
	var b strings.Builder
	b.WriteString("GET " + target + " HTTP/1.1\r\nhost: api.example.com\r\n" + own)
	for _, f := range sign("GET", target, "") {
		b.WriteString(f[0] + ": " + f[1] + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// overHTTP1 asks over one connection for each caller.
func overHTTP1(t *testing.T, address string, ask func() string) asker {
	t.Helper()
	type connection struct {
		net.Conn
		in *bufio.Reader
	}
	var all [costCallers]connection
	return func(caller, _ int) error {
		c := &all[caller]
		if c.Conn == nil { // now, since a door ends connections that wait long for a first question
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = conn.Close() })
			*c = connection{conn, bufio.NewReader(conn)}
		}
		if _, err := io.WriteString(c, ask()); err != nil {
			return err
		}
		r, err := http.ReadResponse(c.in, nil)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(r.Body)
		if err == nil && r.StatusCode != http.StatusOK {
			err = fmt.Errorf("refused: %d %s", r.StatusCode, text)
		}
		return err
	}
}
