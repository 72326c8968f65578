package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"countersign.dev/internal/audit/search"
)

// besideRecord is the decision record of another server on this data folder. That server may begin at any time: its record is opened
// when it is asked for and there, and until then it is empty. Nothing is written to it. Safe for concurrent use.
type besideRecord struct {
	dir     string
	node    string // that has written it, where it was collected; empty: a server on this data folder
	rollups string // the folder of what that server counts of it: a use that only the record knew would look like counts that are behind
	log     *slog.Logger

	mu       sync.Mutex
	searcher *search.Searcher // nil: not opened yet
}

// open returns nil where there is no record yet.
func (b *besideRecord) open() (*search.Searcher, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.searcher != nil || !exists(b.dir) {
		return b.searcher, nil
	}
	searcher, err := search.Open(search.Config{Dir: b.dir, ReadOnly: true, Log: b.log})
	if err == nil {
		b.searcher = searcher
	}
	return searcher, err
}

// Find implements whatif.Records.
func (b *besideRecord) Find(ctx context.Context, q search.Query) (search.Page, error) {
	searcher, err := b.open()
	if err != nil || searcher == nil {
		return search.Page{}, err
	}
	return searcher.Find(ctx, q)
}

// Export implements whatif.Records.
func (b *besideRecord) Export(ctx context.Context, w io.Writer, q search.Query, f search.Format) (search.Exported, error) {
	searcher, err := b.open()
	if err != nil || searcher == nil {
		return search.Exported{}, err
	}
	return searcher.Export(ctx, w, q, f)
}

// besides are the decision records of other servers on the data folder: those that are there, and that of each environment which
// this server does not serve. Why a request was refused, who uses a credential and what a review has seen are asked of them, too.
func (s *server) besides() ([]*besideRecord, error) {
	at := place{config: s.cfg, data: s.dir}
	there, err := at.records()
	if err != nil {
		return nil, err
	}
	for _, environment := range s.cfg.Names() {
		if !slices.Contains(s.environments, environment) {
			there = append(there, at.decisions(environment))
		}
	}
	slices.SortFunc(there, func(a, b recordPlace) int { return strings.Compare(a.dir, b.dir) })
	var records []*besideRecord
	for _, one := range slices.Compact(there) {
		if one.dir != s.recordConfig().Dir {
			records = append(records, &besideRecord{dir: one.dir, rollups: at.rollups(one), log: s.log})
		}
	}
	return records, nil
}
