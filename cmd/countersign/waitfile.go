package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const maxServing = 64 << 10 // bytes of what a server says of one environment

// serving is what a server says of one environment in its data folder, after each revision that it has put in force.
type serving struct {
	PID         int    `json:"pid"`
	Environment string `json:"environment"`
	Revision    uint64 `json:"revision"`
	Ops         string `json:"ops"`
}

// servedFrom lists the environments that a living server serves from a data folder, by name. A file that a killed server
// left behind does not count: the lock beside it is free. One without a file that is locked is starting: its revision is 0.
func servedFrom(data string) ([]serving, error) {
	locks, err := filepath.Glob(filepath.Join(escapeGlob(data), "lock-*"))
	if err != nil {
		return nil, err
	}
	served := []serving{}
	for _, lock := range locks {
		environment := strings.TrimPrefix(filepath.Base(lock), "lock-")
		held, err := lockHeld(lock)
		if err != nil {
			return nil, err
		}
		if !held {
			continue
		}
		one, err := readServing(filepath.Join(data, "serving-"+environment+".json"))
		if err != nil {
			return nil, err
		}
		one.Environment = environment
		served = append(served, one)
	}
	return served, nil
}

// escapeGlob keeps a folder's name from being read as a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// readServing reads what a server says. It replaces the file as a whole, so that what is read is complete; none is there yet
// while it starts.
func readServing(path string) (serving, error) {
	var one serving
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return one, nil
	}
	if err != nil {
		return one, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxServing))
	if err != nil {
		return one, err
	}
	if err := json.Unmarshal(text, &one); err != nil {
		return one, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return one, nil
}
