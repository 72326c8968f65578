package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/registry"
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

// nodes is what every node serves: those that share the register, or every server process on the data folder.
func (a *assembly) nodes(ctx context.Context) ([]admin.Node, error) {
	if a.node != nil {
		return sharedNodes(ctx, a.register)
	}
	return nodesOn(a.dir)
}

// nodes is what every node serves, as a command on this disk sees it.
func (s *session) nodes(ctx context.Context) ([]admin.Node, error) {
	if s.store != nil && s.store.Shared() {
		return sharedNodes(ctx, s.disk)
	}
	return nodesOn(s.at.data)
}

func sharedNodes(ctx context.Context, r *registry.Registry) ([]admin.Node, error) {
	all, err := r.Nodes(ctx)
	return admin.NodesOf(all), err
}

// nodesOn is what every server process on a data folder serves.
func nodesOn(data string) ([]admin.Node, error) {
	served, err := servedStates(data)
	if err != nil {
		return nil, fmt.Errorf("see who serves from the data folder: %w", err)
	}
	all := make([]admin.Node, len(served))
	for i, one := range served {
		at, _ := time.Parse(time.RFC3339Nano, one.At) // zero where it is starting, and has said nothing
		all[i] = admin.Node{Name: nodeName(one.PID), Environment: one.Environment, Revision: one.Revision, At: at, Took: -1}
	}
	return all, nil
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
