package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// holdMemory gives the garbage collector its ceiling. It is soft: what is live stays, and above the ceiling requests pay for it with
// processor time, not with errors. system is the root of the file system; getenv asks for a variable.
func holdMemory(ceiling int64, system fs.FS, getenv func(string) string, log *slog.Logger) {
	source := "memory.ceiling"
	if ceiling == 0 {
		if getenv("GOMEMLIMIT") != "" {
			return // the runtime has read it
		}
		source, ceiling = "control group", permitted(system)/10*9
	}
	if ceiling > 0 {
		debug.SetMemoryLimit(ceiling)
		log.Info("memory has a ceiling", "bytes", ceiling, "from", source)
	}
}

// permitted is the least that the control groups of this process permit it to take; 0: they permit everything, or there are none.
func permitted(system fs.FS) int64 {
	least := int64(0)
	for _, file := range groupFiles(system) {
		text, err := fs.ReadFile(system, file)
		if err != nil {
			continue // of a hierarchy that is not mounted here
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && n > 0 && n < 1<<60 && (least == 0 || n < least) { // version 1 says "no limit" by a very large number
			least = n
		}
	}
	return least
}

// groupFiles are where limits of this process may stand: of the group that it is in, and of all groups above.
func groupFiles(system fs.FS) (files []string) {
	text, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		root, name := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[1] == "memory":
			root, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case parts[1] != "":
			continue
		}
		for group := path.Clean(parts[2]); ; group = path.Dir(group) {
			files = append(files, path.Join(root, group, name))
			if group == "/" {
				break
			}
		}
	}
	return files
}
