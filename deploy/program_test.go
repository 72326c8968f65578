package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var built struct {
	sync.Once
	dir string
	err error
}

// TestMain removes what program has built.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// program is the binary of the image, built once for all tests, by the lines of the Containerfile's build stage.
func program(t *testing.T) string {
	t.Helper()
	built.Do(func() { built.dir, built.err = os.MkdirTemp("", "countersign-deploy-*") })
	if built.err != nil {
		t.Fatal(built.err)
	}
	out := filepath.Join(built.dir, "out")
	binary := filepath.Join(out, "countersign")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	_, stages := containerfile(t)
	src := t.TempDir()
	for _, c := range all(stages[0], "COPY") {
		fields := strings.Fields(c)
		to := fields[len(fields)-1]
		for _, from := range fields[:len(fields)-1] {
			if strings.HasSuffix(to, "/") {
				copied(t, filepath.Join("..", from), filepath.Join(src, to, from))
			} else {
				copied(t, filepath.Join("..", from), filepath.Join(src, to))
			}
		}
	}
	for _, line := range all(stages[0], "RUN") {
		if !strings.HasPrefix(line, "go mod download") { // the modules are here already, and no test needs the network
			build(t, src, strings.ReplaceAll(line, "/out/", out+"/"))
		}
	}
	return binary
}

func build(t *testing.T, src, line string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "sh", "-ec", line)
	run.Dir = src
	run.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	if text, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
}
