// Package redistest runs Redis servers of its own for tests: Debian's binary, a folder that is removed, a socket in it, and
// a port on loopback for clusters alone. It owns the processes that it starts, and ends them. It refuses nothing and belongs
// into no program.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
	"github.com/valkey-io/valkey-go"
)

// patience is how long a server may take for anything; only a broken one takes it.
const patience = 30 * time.Second

// Server is one server. Its methods fail the test.
type Server struct {
	Dir     string   // with the data, the log and the socket
	Address string   // the path of its socket, or HOST:PORT
	port    int      // 0: none
	bus     int      // the port for the other nodes of a cluster
	first   []string // of its command line: the path of a file of settings
	args    []string
	process *exec.Cmd
}

// Start starts a server with further settings, as on its command line, and waits until it answers. It ends with the test. A
// machine without redis-server skips the test, and fails it where CI runs it.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := prepare(t, settings)
	s.Address = filepath.Join(s.Dir, "socket")
	s.Run(t)
	return s
}

// StartPair starts a primary and a replica of it, and waits until the replica has its data.
func StartPair(t testing.TB, settings ...string) (primary, replica *Server) {
	t.Helper()
	primary = prepare(t, settings)
	primary.port, primary.Address = heldport.Number(t), filepath.Join(primary.Dir, "socket")
	primary.Run(t)
	replica = prepare(t, append([]string{"--replicaof", "127.0.0.1 " + strconv.Itoa(primary.port)}, settings...))
	replica.port, replica.Address = heldport.Number(t), filepath.Join(replica.Dir, "socket")
	replica.Run(t)
	for end := time.Now().Add(patience); !strings.Contains(replica.Do(t, "INFO", "replication"), "master_link_status:up"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica does not get the data")
		}
	}
	return primary, replica
}

// StartSentinel starts a sentinel that watches a primary, which has a port, under the name "one", and waits until it knows a
// replica. It alone decides that the primary is down: see FailOver.
func StartSentinel(t testing.TB, primary *Server) *Server {
	t.Helper()
	s := prepare(t, nil)
	s.port = heldport.Number(t)
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	settings := fmt.Sprintf("sentinel monitor one 127.0.0.1 %d 1\nsentinel down-after-milliseconds one 60000\nsentinel failover-timeout one 5000\n", primary.port)
	path := filepath.Join(s.Dir, "sentinel.conf")
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s.first, s.args = []string{path}, []string{"--sentinel"}
	s.Run(t)
	for end := time.Now().Add(patience); !strings.Contains(s.Do(t, "INFO", "sentinel"), "slaves=1"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the sentinel does not find the replica")
		}
	}
	return s
}

// FailOver has a sentinel take a primary for down half a second after it was heard of for the last time. Before that, a primary that is
// only slow stays what it is.
func (s *Server) FailOver(t testing.TB) {
	t.Helper()
	s.Do(t, "SENTINEL", "SET", "one", "down-after-milliseconds", "500")
}

func prepare(t testing.TB, settings []string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing (Debian: redis-server)")
		}
		t.Skip("redis-server is missing (Debian: redis-server)")
	}
	dir, err := os.MkdirTemp("", "redis-") // not below the test's folder: the path of a socket has about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Dir: dir, args: settings}
	t.Cleanup(func() {
		s.end()
		_ = os.RemoveAll(dir) // what is left is below the system's temporary folder
	})
	return s
}

// Run starts a server that has ended, on the data that it left, and waits until it answers.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args := append(append([]string(nil), s.first...), "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--unixsocket", filepath.Join(s.Dir, "socket"), "--dir", s.Dir,
		"--daemonize", "no")
	if s.first == nil {
		args = append(args, "--save", "")
	}
	args = append(args, s.args...)
	s.process = exec.Command("redis-server", args...)
	s.process.Stdout, s.process.Stderr, s.process.Dir = log, log, s.Dir
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(t)
}

// await returns when the server has loaded its data.
func (s *Server) await(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if s.alive() {
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(filepath.Join(s.Dir, "log")) // for the message alone
			t.Fatalf("redis-server does not answer: %s", text)
		}
	}
}

func (s *Server) alive() bool {
	conn, err := net.Dial("unix", filepath.Join(s.Dir, "socket"))
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // a conn that refuses it fails below
	answer := make([]byte, 64)
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	n, err := conn.Read(answer)
	return err == nil && (bytes.HasPrefix(answer[:n], []byte("+PONG")) || bytes.HasPrefix(answer[:n], []byte("-NOAUTH")))
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.end()
}

func (s *Server) end() {
	if s.process != nil {
		_ = s.process.Process.Kill() // it may have ended
		_ = s.process.Wait()
		s.process = nil
	}
}

// Pause stops the process where it stands, with every connection open; Resume lets it go on.
func (s *Server) Pause(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, what syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(what); err != nil {
		t.Fatal(err)
	}
}

// Do runs one command and returns its answer as text; an error of the server fails the test.
func (s *Server) Do(t testing.TB, words ...string) string {
	t.Helper()
	c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{filepath.Join(s.Dir, "socket")}, ForceSingleClient: true, DisableCache: true, DisableRetry: true,
		PipelineMultiplex: -1, DialCtxFn: dialSocket})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := c.Do(ctx, c.B().Arbitrary(words...).Build()).ToAny()
	if err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	return fmt.Sprint(answer)
}
