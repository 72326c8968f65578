package main

import (
	"errors"

	"countersign.dev/internal/audit/segment"
)

// recordConfig says how decisions are recorded.
func (s *server) recordConfig() segment.Config {
	d := &s.cfg.Records.Decisions
	return segment.Config{
		Dir: d.Dir + s.scope, Durability: segment.Durability(d.Durability), WhenFull: segment.WhenFull(d.WhenFull), Queries: segment.Queries(d.Queries),
		MaxSize: d.SegmentSize, MaxAge: d.SegmentAge, Keep: d.Keep, Compress: d.Compress, FlushEvery: d.FlushEvery, MaxQueue: int(d.QueueSize), Patience: d.Patience,
		Hold: s.hold, HoldFor: s.cfg.Records.Stream.Hold, Renew: s.renew,
	}
}

// openDecisions opens the decision record, and says what can be done about one that is damaged.
func (s *server) openDecisions() error {
	err := s.openRecords(s.recordConfig(), s.cfg.DigestKeyFile())
	if errors.Is(err, segment.ErrDamaged) {
		return hinted{err, "put the segment back from a copy, or start once with --set-aside-damaged-record: then the whole record is kept in a folder below its own, and a new one begins"}
	}
	return err
}
