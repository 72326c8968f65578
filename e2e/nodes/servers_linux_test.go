package nodes_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/store/postgrestest"
)

// postgres is the database server with what can happen to it. Its processes are a family: faults hit all of them.
type postgres struct{ server *postgrestest.Server }

func thePostgres(t testing.TB) *postgres {
	t.Helper()
	postgrestest.Need(t, database)
	return &postgres{database}
}

// database makes an empty one and returns how it is found.
func (p *postgres) database(t testing.TB) string {
	t.Helper()
	return p.server.Database(t)
}

func (p *postgres) socket() string { return filepath.Join(p.server.Dir, ".s.PGSQL.5432") }

// family is the first process and those that it started.
func (p *postgres) family(t testing.TB) []int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.server.Dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(text), "\n", 2)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return append([]int{first}, children(first)...)
}

// kill is kill -9 of all of them; it returns when they are gone.
func (p *postgres) kill(t testing.TB) {
	t.Helper()
	family := p.family(t)
	p.signal(t, family, syscall.SIGKILL)
	eventually(t, "PostgreSQL is dead", func() bool {
		return !slices.ContainsFunc(append(family, children(family[0])...), alive)
	})
	// Nobody may have asked yet how it ended, since who started it is gone; a restart would take its number for a living process.
	for _, lock := range []string{filepath.Join(p.server.Dir, "data", "postmaster.pid"), p.socket() + ".lock"} {
		if err := os.Remove(lock); err != nil {
			t.Fatal(err)
		}
	}
}

// pause stops the family where it stands; resume lets it go on.
func (p *postgres) pause(t testing.TB) {
	t.Helper()
	first := p.family(t)[:1]
	p.signal(t, first, syscall.SIGSTOP) // from here on it starts nobody
	p.signal(t, children(first[0]), syscall.SIGSTOP)
}

func (p *postgres) resume(t testing.TB) {
	t.Helper()
	p.signal(t, p.family(t), syscall.SIGCONT)
}

func (p *postgres) signal(t testing.TB, family []int, what syscall.Signal) {
	t.Helper()
	for i, pid := range family {
		if err := syscall.Kill(pid, what); err != nil && i == 0 {
			t.Fatal(err) // a child may have ended
		}
	}
}

func (p *postgres) start(t testing.TB) {
	t.Helper()
	if err := p.server.Start(); err != nil {
		t.Fatal(err)
	}
}

// stop is an orderly one, which ends every connection.
func (p *postgres) stop(t testing.TB) {
	t.Helper()
	if err := p.server.Stop("fast"); err != nil {
		t.Fatal(err)
	}
}

// alive reports whether there is such a process; one that has ended and that nobody has asked about yet is none.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// shutdown is an orderly end of Redis.
func shutdown(t testing.TB, r *redistest.Server) {
	t.Helper()
	conn, err := net.Dial("unix", r.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "SHUTDOWN\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(conn); err != nil || len(text) > 0 {
		t.Fatalf("SHUTDOWN: %q %v", text, err)
	}
	r.Kill(t) // it has ended: this takes its exit code
}
