package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"countersign.dev/internal/audit/stream"
	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
)

// streamEvery is how often a stream looks for more.
const streamEvery = 200 * time.Millisecond

// streams are the live copies of the records for other systems.
type streams struct {
	opened atomic.Pointer[map[string]*stream.Streamer] // nil: not yet
}

func (t *streams) running() map[string]*stream.Streamer {
	if all := t.opened.Load(); all != nil {
		return *all
	}
	return nil
}

// openStreams makes the streams that the configuration names.
func (s *server) openStreams() error {
	cfg, all := s.cfg.Records.Stream, map[string]*stream.Streamer{}
	if cfg.Syslog != nil {
		sink, err := syslogOf(cfg.Syslog)
		if err == nil {
			all["syslog"], err = s.stream("syslog", sink)
		}
		if err != nil {
			return err
		}
	}
	if cfg.File != "" {
		sink, err := stream.NewFile(stream.FileConfig{Path: cfg.File, MaxSize: cfg.FileSize, Keep: cfg.FileKeep})
		if err == nil {
			all["file"], err = s.stream("file", sink)
		}
		if err != nil {
			return err
		}
	}
	s.streams.opened.Store(&all)
	if len(all) == 0 {
		return nil
	}
	s.expect("stream", false, s.streams.trouble)
	return errors.Join(
		s.metrics.Gauges("countersign_stream_sent_messages", "Messages given to a stream since the start, those that were sent again included.", "stream",
			s.streams.each(func(c stream.Counters) float64 { return float64(c.Sent) })),
		s.metrics.Gauges("countersign_stream_missed_lines", "Lines that were retired or unreadable before a stream had them.", "stream",
			s.streams.each(func(c stream.Counters) float64 { return float64(c.Missed) })),
		s.metrics.Gauges("countersign_stream_behind_lines", "Durable lines of the decision record that a stream has not confirmed.", "stream",
			s.streams.each(func(c stream.Counters) float64 {
				return max(0, float64(s.records.writer.Head().Seq)-float64(c.Decisions))
			})),
	)
}

// stream makes one and runs it.
func (s *server) stream(name string, sink stream.Sink) (*stream.Streamer, error) {
	ticker := time.NewTicker(streamEvery)
	one, err := stream.New(stream.Config{
		Dir: s.recordConfig().Dir, Changes: s.register, Sink: sink, Position: filepath.Join(s.dir, "stream-"+name+s.scope),
		Tick: ticker.C, Now: s.now, Log: s.log,
	})
	if err != nil {
		ticker.Stop()
		return nil, fmt.Errorf("stream to %s: %w", name, err)
	}
	s.inBackground(func(ctx context.Context) {
		defer ticker.Stop()
		if err := one.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("a stream has ended", "stream", name, "cause", err.Error())
		}
	})
	return one, nil
}

func (t *streams) each(value func(stream.Counters) float64) func(yield func(string, float64)) {
	return func(yield func(string, float64)) {
		for name, one := range t.running() {
			yield(name, value(one.Counters()))
		}
	}
}

// trouble says which stream does not reach its end.
func (t *streams) trouble() error {
	for name, one := range t.running() {
		if c := one.Counters(); !c.Connected && c.LastError != "" {
			return fmt.Errorf("%s: %s", name, c.LastError)
		}
	}
	return nil
}

// hold keeps a segment that a stream has not confirmed yet from being removed because of its age; records.stream.hold bounds it.
func (t *streams) hold(_, last uint64) string {
	if t.opened.Load() == nil {
		return "the server is starting"
	}
	for name, one := range t.running() {
		if one.Counters().Decisions < last {
			return "the stream to " + name + " has not confirmed it yet"
		}
	}
	return ""
}

func syslogOf(c *config.Syslog) (*stream.Syslog, error) {
	to := stream.SyslogConfig{Address: c.Address, Plain: c.Plain, Host: c.Host, Enterprise: uint32(c.Enterprise), Patience: c.Timeout}
	if c.Plain {
		return stream.NewSyslog(to)
	}
	policy := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		text, err := ofconfig.ReadBounded(c.CAFile, ofconfig.MaxProfile)
		if err != nil {
			return nil, err
		}
		policy.RootCAs = x509.NewCertPool()
		if !policy.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New(c.CAFile + " holds no certificate")
		}
	}
	if c.CertFile != "" {
		pair, err := pairOf(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, err
		}
		policy.Certificates = []tls.Certificate{*pair}
	}
	to.TLS = policy
	return stream.NewSyslog(to)
}
