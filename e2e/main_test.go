// Package e2e_test drives the real binary from outside, as a stranger would: with the commands that it prints, with Python
// and Node clients written from the vendors' documentation, with curl, with HTTP/2 frames and with raw TLS sockets. It owns
// the proof that nothing but an admissible request gets through the gateway that is really shipped. It refuses to import
// any package of the product: a fault that signer and verifier share would stay hidden. The attacks are those of the
// security rules that can be tried over the wire.
package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// scratch is the folder of one test run: the binary and the shared instances' data. It is removed at the end.
var scratch string

func TestMain(m *testing.M) {
	if kind := os.Getenv(bareServer); kind != "" {
		os.Exit(serveBare(kind)) // a yardstick, started by a test
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "countersign-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make the scratch folder:", err)
		return 1
	}
	scratch = dir
	defer os.RemoveAll(dir)
	code := m.Run()
	for _, problem := range closeShared() {
		fmt.Fprintln(os.Stderr, "stop a shared instance:", problem)
		code = 1
	}
	return code
}

// build compiles the binary once for all tests, as it is shipped: without cgo.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "countersign")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/countersign")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/countersign: %w\n%s", err, out)
	}
	return path, nil
})

// binary is the path of the program under test.
func binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// need skips a test whose tool is not installed; under CI=true that is a failure, since the tools are installed there.
func need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, tool+" is not installed")
		}
	}
}

// lacking skips a test for want of something that is no part of the product.
func lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and CI=true allows no skipping", what)
	}
	t.Skipf("%s: this test needs it", what)
}
