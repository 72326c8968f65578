package main

import (
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/whatif"
)

// everyRecord is the record that was chosen and, unless it was named, those of other nodes that were collected here.
func (r *recordSession) everyRecord() (*manyRecords, error) {
	own, err := r.searcher()
	if err != nil {
		return nil, err
	}
	all := []namedRecord{{"own", "", own}}
	if r.record.scope == "" {
		others, err := r.at.collectedRecords(func(dir string) (oneRecord, error) {
			return search.Open(search.Config{Dir: dir, ReadOnly: !ownsFolder(dir), Log: r.log})
		})
		if err != nil {
			return nil, err
		}
		all = append(all, others...)
	}
	return &manyRecords{all: func() []namedRecord { return all }}, nil
}

// collectedRecords are the records of other nodes on this disk.
func (p place) collectedRecords(open func(dir string) (oneRecord, error)) (all []namedRecord, err error) {
	there, err := shipping.ReadCollected(p.collected())
	if err != nil {
		return nil, err
	}
	for _, one := range there {
		if one.Segment == 0 {
			continue
		}
		record, err := open(one.Dir)
		if err != nil {
			return nil, err
		}
		all = append(all, namedRecord{cursorName(one.Dir), one.Node, record})
	}
	return all, nil
}

// lookAtOthers adds the records of other nodes to what is asked.
func (p place) lookAtOthers(engine *whatif.Config, cfg *admin.Config) error {
	there, err := shipping.ReadCollected(p.collected())
	for _, one := range there {
		if one.Segment == 0 {
			continue
		}
		searcher, err := search.Open(search.Config{Dir: one.Dir, ReadOnly: !ownsFolder(one.Dir), Log: cfg.Log})
		if err != nil {
			return err
		}
		engine.Records, cfg.Decisions = append(engine.Records, searcher), append(cfg.Decisions, searcher)
		if exists(one.Counts) {
			engine.Rollups = append(engine.Rollups, one.Counts)
		}
	}
	return err
}
