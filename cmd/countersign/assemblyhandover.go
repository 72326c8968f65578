package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/datafolder"
	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
)

// handOverAtOnce is how many entries of a journal are on their way to the shared guard at one time.
const handOverAtOnce = 64

// handOver tells the shared guard what journals in the data folder still remember of the environments that are served, so that the move from
// a journal to the shared guard lets nothing be repeated (security rule 8). Where the shared guard cannot be told, what must not be
// repeated is refused until the journals remember nothing any more.
func (a *assembly) handOver(scope string) error {
	dirs, err := journalsOf(a.dir, scope)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		told, err := a.handOverOne(dir)
		switch {
		case errors.Is(err, replay.ErrUnavailable) || errors.Is(err, replay.ErrFull):
			until, failed := datafolder.JournalEnd(dir)
			if failed != nil {
				return failed
			}
			a.replay.until = max(a.replay.until, until)
			a.log.Warn("the journal of this node could not be handed to the shared guard; requests that must not be repeated are refused for a while",
				"until", time.Unix(until, 0).UTC(), "cause", err.Error())
		case err != nil:
			return fmt.Errorf("hand %s to the shared replay guard: %w", dir, err)
		case told > 0:
			a.log.Info("the journal of this node was handed to the shared guard", "entries", told)
		}
	}
	return nil
}

// handOverOne claims everything that a journal remembers.
func (a *assembly) handOverOne(dir string) (told int, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	places := make(chan struct{}, handOverAtOnce)
	now := a.now().Unix()
	guard, err := memory.Open(memory.Config{Dir: dir, Now: a.now, Loaded: func(key replay.Key, until int64) error {
		places <- struct{}{}
		mu.Lock()
		defer mu.Unlock()
		told++
		wg.Go(func() {
			defer func() { <-places }()
			if _, err := a.cache.Guard.Claim(key, until, now); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = err
			}
		})
		return failed
	}})
	wg.Wait()
	if err == nil {
		err = guard.Close()
	}
	return told, errors.Join(err, failed)
}

// journalsOf are the journals in a data folder that have an environment in common with a server, by its scope.
func journalsOf(dir, scope string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var dirs []string
	for _, e := range entries {
		if other, ok := strings.CutPrefix(e.Name(), "replay"); ok && e.IsDir() && datafolder.Overlap(scope, other) {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs, err
}
