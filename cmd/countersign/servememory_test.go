package main

import (
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

// TestTheCeilingIsTheLeastOfAll: of the group and those above it, in both versions of control groups.
func TestTheCeilingIsTheLeastOfAll(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, row := range map[string]struct {
		system fstest.MapFS
		want   int64
	}{
		"none":        {fstest.MapFS{}, 0},
		"no limit":    {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, 0},
		"a container": {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("536870912\n")}, 536870912},
		"a service":   {fstest.MapFS{"proc/self/cgroup": file("0::/system.slice/countersign.service\n"), "sys/fs/cgroup/system.slice/countersign.service/memory.max": file("max\n"), "sys/fs/cgroup/system.slice/memory.max": file("1073741824\n")}, 1073741824},
		"version 1":   {fstest.MapFS{"proc/self/cgroup": file("11:cpu,cpuacct:/a\n4:memory:/a/b\n"), "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": file("9223372036854771712\n"), "sys/fs/cgroup/memory/a/memory.limit_in_bytes": file("268435456\n")}, 268435456},
		"nonsense":    {fstest.MapFS{"proc/self/cgroup": file("0:\nx\n0::relative\n0::/../..\n"), "sys/fs/cgroup/memory.max": file("-5\n")}, 0},
	} {
		if got := permitted(row.system); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}

// TestMemoryIsHeld: what is configured counts, else GOMEMLIMIT, else nine tenths of the group's limit.
func TestMemoryIsHeld(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	group := fstest.MapFS{"proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("1000000000000\n")}}
	for name, row := range map[string]struct {
		ceiling  int64
		variable string
		want     int64
		said     string
	}{
		"configured":  {1 << 40, "5GiB", 1 << 40, "memory.ceiling"},
		"the group's": {0, "", 900_000_000_000, "control group"},
		"a variable":  {0, "5GiB", math.MaxInt64, ""},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		var log strings.Builder
		holdMemory(row.ceiling, group, func(string) string { return row.variable }, slog.New(slog.NewTextHandler(&log, nil)))
		if got := debug.SetMemoryLimit(-1); got != row.want || row.said == "" != (log.Len() == 0) || !strings.Contains(log.String(), row.said) {
			t.Errorf("%s: %d, want %d; the log says %q", name, got, row.want, log.String())
		}
	}
}
