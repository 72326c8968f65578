package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/traffic"
)

// How often the counts are read on for pages, and how often it is looked whether a record has to be verified again.
const (
	trafficEvery = 5 * time.Second
	inspectEvery = time.Minute
	servesEvery  = 50 * time.Millisecond // how often it is looked, at a start, whether the register is in force
)

// looks is what people look at: what happens, and how it stands with the records. It is kept once somebody can look.
type looks struct {
	sums    *traffic.Sums
	records *inspect.Inspector
	once    sync.Once
}

// openLooks makes it, over the counts of this server and of those beside it. Nothing is read yet.
func (a *assembly) openLooks(record, rollups string, beside []*besideRecord) error {
	counts := []string{rollups}
	own := inspect.DecisionRecord{Name: recordName(rollups), Dir: record, Book: a.vouching("decisions", rollups),
		Head: func() uint64 { return a.records.writer.Head().Seq }}
	all := []inspect.DecisionRecord{own}
	for _, b := range beside {
		counts = append(counts, b.rollups)
		all = append(all, inspect.DecisionRecord{Name: recordName(b.rollups), Dir: b.dir, Book: a.vouching("decisions", b.rollups)})
	}
	w := &looks{}
	var err error
	if w.sums, err = traffic.New(traffic.Config{Folders: counts, More: a.nodeRecords.Rollups, Now: a.now, Log: a.log}); err != nil {
		return err
	}
	w.records, err = inspect.New(inspect.Config{Changes: a.register, ChangesBook: a.vouching("changes", ""), Decisions: all, Now: a.now, Log: a.log})
	a.looks = w
	return err
}

// countedFor is the server whose counts are in a folder; empty: the one that serves every environment.
func countedFor(rollups string) string {
	return strings.TrimPrefix(strings.TrimPrefix(filepath.Base(rollups), "rollups"), "-")
}

// recordName is what pages call the decision record of a server.
func recordName(rollups string) string {
	if scope := countedFor(rollups); scope != "" {
		return "decisions-" + strings.ReplaceAll(strings.ToLower(scope), "+", "-")
	}
	return "decisions"
}

// vouching is the book of a record; nil: nothing is signed for it.
func (a *assembly) vouching(record, rollups string) *inspect.Book {
	if a.vouch == nil {
		return nil
	}
	return a.vouch(record, countedFor(rollups))
}

// watch begins to read the counts and to verify the records, in the background, the first time that it is called: a server at
// which nobody can look does neither.
func (a *assembly) watch() {
	a.looks.once.Do(func() {
		a.ticking(trafficEvery, a.looks.sums.Follow)
		a.inBackground(func(ctx context.Context) {
			if !a.serves(ctx) { // reading a large register takes every processor, and whoever waits for it waits for that
				return
			}
			ticker := time.NewTicker(inspectEvery)
			defer ticker.Stop()
			a.looks.records.Run(ctx, ticker.C)
		})
	})
}

// serves waits until the first blueprint is in force; false: ctx has ended before.
func (a *assembly) serves(ctx context.Context) bool {
	ticker := time.NewTicker(servesEvery)
	defer ticker.Stop()
	for a.current.Load() == nil {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}
