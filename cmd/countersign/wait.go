package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/remote"
)

// Bounds of --wait.
const (
	defaultWait = 10 * time.Second
	maxWait     = 10 * time.Minute
	waitEvery   = 50 * time.Millisecond
	maxServing  = 64 << 10
)

// serving is what a server says of one environment in its data folder, after each revision that it has put in force.
type serving struct {
	PID         int    `json:"pid"`
	Environment string `json:"environment"`
	Revision    uint64 `json:"revision"`
	Ops         string `json:"ops"`
	Node        string `json:"node,omitempty"` // where a server told of it
}

// await returns when every environment that is served from the data folder decides by the register as it is now.
func (s *session) await(atMost time.Duration) error {
	revision, err := s.written()
	if err != nil {
		return fmt.Errorf("the change is written, but not known to be live: %w", err)
	}
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	poll := time.NewTicker(waitEvery)
	defer poll.Stop()
	for {
		served, err := s.served()
		if err != nil {
			return fmt.Errorf("the change is written, but not known to be live: %w", err)
		}
		behind := slices.DeleteFunc(slices.Clone(served), func(one serving) bool { return one.Revision >= revision })
		if len(behind) == 0 {
			s.sayLive(served, revision)
			return nil
		}
		select {
		case <-s.ctx.Done():
			return errors.Join(errors.New("the change is written; waiting for it to be live was ended"), s.ctx.Err())
		case <-deadline.C:
			return lagging(behind, revision, atMost)
		case <-poll.C:
		}
	}
}

// written is the revision that has to be live: of what a server was asked to change, it told the revision itself.
func (s *session) written() (uint64, error) {
	if s.remote != nil && s.remote.Changed() > 0 {
		return s.remote.Changed(), nil
	}
	return s.Revision(s.ctx)
}

// served are those that decide by the register: as this disk says, or as a server does.
func (s *session) served() ([]serving, error) {
	if s.remote == nil {
		return servedFrom(s.at.data)
	}
	nodes, revision := s.remote.Confirmed(), s.remote.Changed()
	if len(nodes) == 0 || slices.ContainsFunc(nodes, func(n remote.Node) bool { return n.Revision < revision }) {
		var err error
		if nodes, _, err = s.remote.Nodes(s.ctx); err != nil {
			return nil, err
		}
	}
	return views(nodes, func(n remote.Node) serving {
		return serving{Environment: n.Environment, Revision: n.Revision, Node: n.Name}
	}), nil
}

// sayLive names each that has confirmed the revision, or a later one.
func (s *session) sayLive(served []serving, revision uint64) {
	if len(served) == 0 {
		where := s.at.data
		if s.remote != nil {
			where = s.remote.Server()
		}
		s.out.note("no server runs on %s; the change counts from its next start", where)
		return
	}
	var names []string
	for _, one := range served {
		names = append(names, one.name())
	}
	s.out.note("live in %s (revision %d)", strings.Join(names, ", "), revision)
}

// name is the environment, and the node where a server told it.
func (one serving) name() string {
	if one.Node == "" {
		return one.Environment
	}
	return one.Environment + " on " + one.Node
}

func lagging(behind []serving, revision uint64, after time.Duration) error {
	var texts []string
	hint := "the server's log and its /readyz say why"
	for _, one := range behind {
		at := fmt.Sprintf("%s decides by revision %d", one.name(), one.Revision)
		if one.Revision == 0 {
			at = one.name() + " is starting"
		}
		texts = append(texts, at)
		if one.Ops != "" {
			hint = "why, says " + strings.TrimSuffix(one.Ops, "/") + "/readyz"
		}
	}
	return hinted{fmt.Errorf("the change is written as revision %d, but after %s %s", revision, after, strings.Join(texts, ", ")), hint}
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
