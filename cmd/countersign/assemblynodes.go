package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// servedStates is what living servers say of their environments in a data folder, by the environment's name. One that is starting
// has said nothing yet: its revision is 0.
func servedStates(dir string) ([]servedState, error) {
	living, err := servedFrom(dir)
	if err != nil {
		return nil, err
	}
	all := make([]servedState, len(living))
	for i, one := range living {
		if all[i], err = readServed(servingPath(dir, one.Environment)); err != nil {
			return nil, err
		}
		all[i].Environment = one.Environment
	}
	return all, nil
}

// readServed reads what a server says of one environment; it replaces the file as a whole. None is there while it starts.
func readServed(path string) (s servedState, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxServing))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return servedState{}, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return s, nil
}

// nodeName is what a server process is called: this machine and the process. Zero: it has not said yet which it is.
func nodeName(pid int) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	if pid == 0 {
		return host
	}
	return fmt.Sprintf("%s:%d", host, pid)
}
