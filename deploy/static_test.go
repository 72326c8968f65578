package deploy_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// static holds a binary to needing no library and no loader: an image from nothing has neither.
func static(t *testing.T, binary string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			libraries = append(libraries, "a loader")
		}
	}
	if err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs %v, %v", libraries, err)
	}
}

// tool finds a program of Debian's. Without it the test is skipped here, and fails in CI.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and CI=true allows no skipping", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}
