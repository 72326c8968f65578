package e2e_test

import (
	"crypto/tls"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestStrangersAreDroppedAtAccept: before a byte of a handshake, where every API asks for a list of addresses; a change of the lists
// counts within a second; a trusted proxy is never dropped.
func TestStrangersAreDroppedAtAccept(t *testing.T) {
	s := newSite(t)
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(binary(t), append(args, "--data", s.data)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
		return string(out)
	}
	listed := run("network", "list", "Demo Partner", "--environment", production)
	for word := range strings.FieldsSeq(listed) {
		if strings.HasPrefix(word, "net_") {
			run("network", "remove", word)
		}
	}
	run("network", "allow", "Demo Partner", "--environment", production, "127.0.0.1/32")
	s.settings["MORE_PRODUCTION"] = "drop_unlisted: true"
	d := s.serve(t)
	from := func(source string) error {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: wireLimit}
		roots, err := d.roots()
		if err != nil {
			t.Fatal(err)
		}
		c, err := tls.DialWithDialer(dialer, "tcp", d.Environments[production].address(), &tls.Config{RootCAs: roots})
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	d.signed(t, production, get("listed")).want(t, 200)
	if from("127.0.0.2") == nil {
		t.Error("a stranger has a connection")
	}
	d.until(t, "/metrics", 200, `countersign_connections_dropped_total{environment="production"} 1`)
	if err := from("127.0.0.1"); err != nil {
		t.Errorf("a listed address: %v", err)
	}
	run("network", "allow", "Demo Partner", "--environment", production, "127.0.0.2/32")
	for begun := time.Now(); from("127.0.0.2") != nil; time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > startLimit {
			t.Fatal("a new address does not count")
		}
	}
	s.settings["PROXIES"] = "trusted_proxies: [127.0.0.3/32]"
	s.write(t)
	d.hangup(t)
	d.reloaded(t, 1)
	if err := from("127.0.0.3"); err != nil {
		t.Errorf("a trusted proxy: %v", err)
	}
	if from("127.0.0.4") == nil {
		t.Error("another stranger has a connection")
	}
}
