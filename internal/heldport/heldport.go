// Package heldport gives tests an address of loopback that a server is started on afterwards. It owns the port until the test is
// over: the kernel gives it to no other socket that asks for any port. A port that is only looked for and closed again lies in the
// range that every outgoing connection takes its own from, so that another test takes it now and then, and the server does not
// start or a stranger answers in its name. It refuses an address that is in use, and belongs into no program.
package heldport

import (
	"net"
	"strconv"
	"testing"
)

// Hold returns an address HOST:PORT on which nobody listens and nobody else will, until the end of the test. The host is an IPv4
// address of loopback. A server may listen on it, and another after it, as often as the test likes, if it sets SO_REUSEADDR, as
// Go's do and every server of Debian that is tested against. Until one listens, connections are refused. A failure fails the test.
func Hold(t testing.TB, host string) string {
	t.Helper()
	ip := net.ParseIP(host).To4()
	if ip == nil || !ip.IsLoopback() {
		t.Fatalf("hold a port: %q is no IPv4 address of loopback", host)
	}
	port, release, err := take([4]byte(ip))
	if err != nil {
		t.Fatalf("hold a port of %s: %v", host, err)
	}
	t.Cleanup(release)
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// Number is the port alone of Hold on 127.0.0.1.
func Number(t testing.TB) int {
	t.Helper()
	_, text, _ := net.SplitHostPort(Hold(t, "127.0.0.1"))
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
