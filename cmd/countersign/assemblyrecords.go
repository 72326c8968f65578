package main

import (
	"crypto/rand"
	"fmt"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/ops"
	"countersign.dev/internal/rate/memory"
)

// records is where decisions go: the record, and the counters.
type records struct {
	writer  *segment.Writer
	metrics *ops.Metrics
}

// Record implements gateway.Recorder.
func (r *records) Record(d *audit.Decision) {
	r.writer.Record(d)
	r.metrics.Record(d)
}

// healthy says why decisions cannot be recorded.
func (r *records) healthy() error { return r.writer.Healthy() }

// openRecords opens the decision record. cfg lacks what is the assembly's: key, clock, randomness, log. digestKey is the file
// of the key of query digests.
func (a *assembly) openRecords(cfg segment.Config, digestKey string) error {
	var err error
	if cfg.Key, err = keptKey(digestKey); err != nil {
		return err
	}
	cfg.Now, cfg.Rand, cfg.Log = a.now, rand.Reader, a.log
	writer, err := segment.Open(cfg)
	if err != nil {
		return err
	}
	a.atEnd(writer)
	a.records = &records{writer: writer, metrics: a.metrics}
	return a.publishRecord(writer)
}

// publishRecord publishes what the record counts.
func (a *assembly) publishRecord(w *segment.Writer) error {
	for _, c := range []struct {
		name, help string
		value      func(c *segment.Counters) uint64
	}{
		{"countersign_record_lines_total", "Lines of the decision record that are durable, headers and gaps among them.", func(c *segment.Counters) uint64 { return c.Lines }},
		{"countersign_record_bytes_total", "Bytes of these lines.", func(c *segment.Counters) uint64 { return c.Bytes }},
		{"countersign_record_lost_total", "Lines that could not be written.", func(c *segment.Counters) uint64 { return c.Lost }},
		{"countersign_record_gaps_total", "Lines in the record that tell where others are missing.", func(c *segment.Counters) uint64 { return c.Gaps }},
		{"countersign_record_failures_total", "Attempts to write, sync or begin a segment that failed.", func(c *segment.Counters) uint64 { return c.Failures }},
		{"countersign_record_unsynced_total", "Requests let in without the durable line that they should have had.", func(c *segment.Counters) uint64 { return c.Unsynced }},
		{"countersign_record_segments_begun_total", "Segments that were begun after the first.", func(c *segment.Counters) uint64 { return c.Rotations }},
		{"countersign_record_segments_retired_total", "Segments that were removed because of their age.", func(c *segment.Counters) uint64 { return c.Retired }},
	} {
		err := a.metrics.Counter(c.name, c.help, func() float64 {
			counters := w.Counters()
			return float64(c.value(&counters))
		})
		if err != nil {
			return err
		}
	}
	if err := a.metrics.Gauge("countersign_record_queue_bytes", "Bytes of lines that wait for the disk.", func() float64 { return float64(w.Counters().Queue) }); err != nil {
		return err
	}
	return a.metrics.Gauge("countersign_record_sync_age_seconds", "Seconds since everything that had been written was durable.", func() float64 {
		if last := w.Counters().LastSync; !last.IsZero() {
			return a.now().Sub(last).Seconds()
		}
		return 0
	})
}

// shown shows lines of the record to whoever looks on.
func shown(echo *audit.Echo) func(segment.Line) {
	return func(l segment.Line) {
		if l.Kind() == segment.KindDecision || l.Kind() == segment.KindGap {
			_, _ = echo.Write(append(append(make([]byte, 0, len(l.Text)+1), l.Text...), '\n'))
		}
	}
}

// openLimiter opens the counters of rates and quotas. maxKeys bounds how many are kept.
func (a *assembly) openLimiter(path string, maxKeys int) error {
	limiter, err := memory.Open(memory.Config{Path: path, Now: a.now, MaxKeys: maxKeys})
	if err != nil {
		return fmt.Errorf("open the counters of quotas: %w", err)
	}
	a.atEnd(limiter)
	a.limiter = limiter
	return a.metrics.Gauge("countersign_limiter_entries", "Counters of rates and quotas that are kept.", func() float64 { return float64(limiter.Keys()) })
}

// configure adds what a decider needs and what lasts longer than one.
func (a *assembly) configure(cfg *access.Config) { cfg.Limiter = a.limiter }

// gatewayConfig adds where a gateway records, and what it asks before it lets a request through.
func (a *assembly) gatewayConfig(cfg gateway.Config) gateway.Config {
	cfg.Record, cfg.Admit = a.records, a.records.writer.Admit
	if a.tracer != nil {
		cfg.Trace = a.tracer
	}
	return cfg
}
