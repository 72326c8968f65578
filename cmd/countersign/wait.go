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
}

// await returns when every environment that is served from the data folder decides by the register as it is now.
func (s *session) await(atMost time.Duration) error {
	revision, err := s.Revision(s.ctx)
	if err != nil {
		return fmt.Errorf("the change is written, but not known to be live: %w", err)
	}
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	poll := time.NewTicker(waitEvery)
	defer poll.Stop()
	for {
		served, err := servedFrom(s.at.data)
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

func (s *session) sayLive(served []serving, revision uint64) {
	if len(served) == 0 {
		s.out.note("no server runs on %s; the change counts from its next start", s.at.data)
		return
	}
	var names []string
	for _, one := range served {
		names = append(names, one.Environment)
	}
	s.out.note("live in %s (revision %d)", strings.Join(names, ", "), revision)
}

func lagging(behind []serving, revision uint64, after time.Duration) error {
	var texts []string
	hint := "the server's log and its /readyz say why"
	for _, one := range behind {
		at := fmt.Sprintf("%s decides by revision %d", one.Environment, one.Revision)
		if one.Revision == 0 {
			at = one.Environment + " is starting"
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
