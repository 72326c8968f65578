package redistest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
)

// slots is how many a cluster has.
const slots = 16384

func dialSocket(ctx context.Context, path string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	return dialer.DialContext(ctx, "unix", path)
}

// StartCluster starts a cluster of so many primaries, each with its part of the slots, and waits until all agree on it.
func StartCluster(t testing.TB, primaries int, settings ...string) []*Server {
	t.Helper()
	all := make([]*Server, primaries)
	for i := range all {
		all[i] = startNode(t, settings)
	}
	for i, s := range all {
		s.Do(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		s.Do(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/primaries), strconv.Itoa((i+1)*slots/primaries-1))
		for _, other := range all[:i] {
			s.Do(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(other.port), strconv.Itoa(other.bus))
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		agreed := 0
		for _, s := range all {
			info := s.Do(t, "CLUSTER", "INFO")
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", primaries)) {
				agreed++
			}
		}
		if agreed == primaries {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("the cluster does not agree: %d of %d do", agreed, primaries)
		}
	}
}

// startNode starts one on two ports that nobody else is given.
func startNode(t testing.TB, settings []string) *Server {
	t.Helper()
	port, bus := heldport.Number(t), heldport.Number(t)
	s := prepare(t, append([]string{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "60000", "--cluster-port", strconv.Itoa(bus)}, settings...))
	s.port, s.bus, s.Address = port, bus, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.Run(t)
	return s
}

// StartTLS starts a server that speaks TLS on a port of loopback, with the certificate and the key of two files.
func StartTLS(t testing.TB, certFile, keyFile string) *Server {
	t.Helper()
	port := heldport.Number(t)
	s := Start(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", certFile, "--tls-auth-clients", "no")
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return s
}
