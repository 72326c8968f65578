// Package postgrestest runs a PostgreSQL server of its own for tests: Debian's binaries, a folder that is removed, a socket in it and no
// port. It owns the processes that it starts, and ends them. It refuses nothing and belongs into no program.
package postgrestest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Server is a running server. Start one for all tests of a package, and give each test a database of its own.
type Server struct {
	Dir string // with the data, the log and the socket

	bin   string
	attr  *syscall.SysProcAttr // as whom it runs: it refuses root
	mu    sync.Mutex
	count int
	watch *exec.Cmd      // ends the server and removes the folder when this process is gone, however it went
	alive io.WriteCloser // what it waits for the end of
}

// Run starts a server, runs the tests and ends it; for TestMain. Where PostgreSQL is not installed, server is nil.
func Run(m *testing.M, use func(server *Server)) int {
	bin := find()
	if bin == "" {
		use(nil)
		return m.Run()
	}
	server, err := start(bin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start PostgreSQL:", err)
		return 1
	}
	defer server.end()
	use(server)
	return m.Run()
}

// Start starts a server for one test, which is ended with it. Without PostgreSQL it is as Need says.
func Start(t testing.TB) *Server {
	t.Helper()
	bin := find()
	if bin == "" {
		Need(t, nil)
	}
	server, err := start(bin)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(server.end)
	return server
}

// Need ends a test without a server: it is skipped on a machine without PostgreSQL, and fails where CI runs it.
func Need(t testing.TB, server *Server) {
	t.Helper()
	if server != nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("PostgreSQL is missing (Debian: postgresql)")
	}
	t.Skip("PostgreSQL is missing (Debian: postgresql)")
}

// find is the folder of the newest installed binaries.
func find() string {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is right
	best, newest := "", 0
	for _, one := range all {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(one))))
		if err == nil && n > newest {
			best, newest = filepath.Dir(one), n
		}
	}
	return best
}

func start(bin string) (*Server, error) {
	dir, err := os.MkdirTemp("", "pg-") // not below the test's folder: the path of a socket has about 100 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, bin: bin}
	if err := s.own(); err != nil {
		return nil, err
	}
	if err := s.run("initdb", "-D", filepath.Join(dir, "data"), "-A", "trust", "-U", "countersign", "-E", "UTF8", "--no-locale", "--no-sync"); err != nil {
		return nil, err
	}
	if err := s.outlive(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// outlive starts what ends the server when the test dies before it has done so: the server is a daemon, whose parent is nobody.
func (s *Server) outlive() error {
	s.watch = exec.Command("/bin/sh", "-c", `cat >/dev/null; "$1/pg_ctl" -D "$2/data" -m immediate -w -t 60 stop; rm -rf "$2"`, "sh", s.bin, s.Dir)
	s.watch.Dir, s.watch.SysProcAttr = "/", &syscall.SysProcAttr{Setpgid: true} // the interrupt of a terminal is not for it
	if s.attr != nil {
		s.watch.SysProcAttr.Credential = s.attr.Credential
	}
	var err error
	if s.alive, err = s.watch.StdinPipe(); err != nil {
		return err
	}
	return s.watch.Start()
}

// own gives the folder to whom the server runs as.
func (s *Server) own() error {
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(who.Uid) // of the system's own list
	gid, _ := strconv.Atoi(who.Gid)
	s.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(s.Dir, uid, gid)
}

func (s *Server) run(program string, arguments ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, program), arguments...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = s.Dir, s.attr, []string{"LC_ALL=C", "PATH=" + s.bin + ":/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(s.Dir, "log")) // it may not be there yet
		return fmt.Errorf("%s: %w: %s %s", program, err, out, log)
	}
	return nil
}

// Start starts a server that was stopped, and waits until it answers.
func (s *Server) Start() error {
	return s.run("pg_ctl", "-D", filepath.Join(s.Dir, "data"), "-l", filepath.Join(s.Dir, "log"), "-w", "-t", "60", "start",
		"-o", "-c listen_addresses='' -c fsync=off -c max_connections=200 -c unix_socket_directories="+s.Dir)
}

// Stop stops the server: "fast" ends every connection, "immediate" is a crash.
func (s *Server) Stop(how string) error {
	return s.run("pg_ctl", "-D", filepath.Join(s.Dir, "data"), "-m", how, "-w", "-t", "60", "stop")
}

func (s *Server) end() {
	_ = s.alive.Close()
	_ = s.watch.Wait()
	_ = os.RemoveAll(s.Dir)
}

// URL is where a database is found; empty: the one from which others are made.
func (s *Server) URL(database string) string {
	if database == "" {
		database = "postgres"
	}
	return fmt.Sprintf("host=%s user=countersign dbname=%s sslmode=disable", s.Dir, database)
}

// Database makes an empty database, which is removed when the test ends, and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.count++
	name := "test" + strconv.Itoa(s.count)
	s.mu.Unlock()
	s.do(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { s.do(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.URL(name)
}

// Do runs a statement in a database.
func (s *Server) Do(t testing.TB, url, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", strings.SplitN(statement, "\n", 2)[0], err)
	}
}

func (s *Server) do(t testing.TB, statement string) {
	t.Helper()
	s.Do(t, s.URL(""), statement)
}
