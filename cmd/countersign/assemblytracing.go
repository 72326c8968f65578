package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/tracing/otlp"
)

// traceLast bounds how long the end of the server waits for the receiver of spans.
const traceLast = 3 * time.Second

// openTracing starts to send spans where the configuration says so. It has to come before anything that records: what is opened
// last is closed first, and the spans of the last requests are sent after them.
func (s *server) openTracing() error {
	t := s.cfg.Tracing
	if t == nil {
		return nil
	}
	cfg, transport, err := tracingOf(t)
	if err != nil {
		return err
	}
	cfg.Log = s.log
	tracer, err := otlp.Open(cfg)
	if err != nil {
		return err
	}
	s.tracer = tracer
	s.closers = append(s.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), traceLast)
		defer cancel()
		defer transport.CloseIdleConnections()
		return tracer.Close(ctx)
	})
	s.expect("tracing", false, tracer.Problem)
	return errors.Join(
		s.metrics.Counter("countersign_spans_sent_total", "Spans that their receiver has taken.", func() float64 { return float64(tracer.Counts().Sent) }),
		s.metrics.Counter("countersign_spans_dropped_total", "Spans that were dropped because too many waited for the receiver.", func() float64 { return float64(tracer.Counts().Dropped) }),
		s.metrics.Counter("countersign_spans_failed_total", "Spans that the receiver did not take.", func() float64 { return float64(tracer.Counts().Failed) }),
	)
}

// tracingOf is what the configuration says of spans, and the way to their receiver.
func tracingOf(t *config.Tracing) (cfg otlp.Config, transport *http.Transport, err error) {
	if cfg.Endpoint, err = url.Parse(t.Endpoint); err != nil {
		return cfg, nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 2,
		MaxConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10}
	if t.CAFile != "" {
		text, err := ofconfig.ReadBounded(t.CAFile, ofconfig.MaxProfile)
		if err != nil {
			return cfg, nil, fmt.Errorf("read the authorities of the receiver of spans: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return cfg, nil, errors.New(t.CAFile + " holds no certificate")
		}
	}
	node, err := os.Hostname()
	if err != nil {
		node = "" // a name is a help, no more
	}
	cfg.Transport, cfg.Headers, cfg.Sample, cfg.Queue = transport, collectorHeaders(t.HeadersFile), t.Sample, t.Queue
	cfg.Service, cfg.Version, cfg.Node, cfg.Random = t.Service, version(), node, rand.Reader
	if cfg.Headers != nil {
		if _, err := cfg.Headers(); err != nil {
			return cfg, nil, err // told at the start, not when the first batch is lost
		}
	}
	return cfg, transport, nil
}

// collectorHeaders reads the headers from their file each time, so that a token can be exchanged there; nil where there is no file.
func collectorHeaders(file string) func() (http.Header, error) {
	if file == "" {
		return nil
	}
	return func() (http.Header, error) {
		text, err := readPrivate(file)
		if err != nil {
			return nil, err
		}
		headers, err := otlp.ParseHeaders(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return headers, nil
	}
}
