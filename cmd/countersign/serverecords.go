package main

import (
	"countersign.dev/internal/audit/segment"
)

// recordConfig says how decisions are recorded.
func (s *server) recordConfig() segment.Config {
	d := &s.cfg.Records.Decisions
	return segment.Config{
		Dir: d.Dir + s.scope, Durability: segment.Durability(d.Durability), WhenFull: segment.WhenFull(d.WhenFull), Queries: segment.Queries(d.Queries),
		MaxSize: d.SegmentSize, MaxAge: d.SegmentAge, Keep: d.Keep, Compress: d.Compress, FlushEvery: d.FlushEvery, MaxQueue: int(d.QueueSize), Hold: s.streams.hold,
	}
}
