package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/courier"
	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
)

const (
	// courierEvery is how often it is looked whether checkpoints wait to be sent.
	courierEvery = time.Second
	// courierBehind and courierLate are how many statements may wait, and for how long, before readiness warns.
	courierBehind = 10
	courierLate   = 15 * time.Minute
	// courierLast bounds what is sent at the end: what is left is sent after the next start.
	courierLast = 3 * time.Second
)

// couriers bring the checkpoints of both records to the receiver of the configuration. The books in the folder stay what
// counts. The zero value brings nothing.
type couriers struct {
	s    *server
	all  []*courier.Courier
	kept *http.Transport
}

// openCouriers makes one for each book.
func (s *server) openCouriers(cfg *config.Checkpoints) error {
	if cfg.URL == "" {
		return nil
	}
	transport, err := receiverTransport(cfg.URLCAFile)
	if err != nil {
		return err
	}
	c := &couriers{s: s, kept: transport}
	for record, dir := range map[string]string{checkpoint.Changes: cfg.Dir, checkpoint.Decisions: s.decisionBook(cfg.Dir)} {
		one, err := courier.Open(courier.Config{Book: filepath.Join(dir, checkpoint.FileName(record)), URL: cfg.URL, Token: tokenOf(cfg.URLTokenFile), Transport: transport,
			Position: filepath.Join(s.dir, "courier-"+record+s.scope), Now: s.now, Log: s.log})
		if err != nil {
			return err
		}
		c.all = append(c.all, one)
	}
	s.couriers = c
	s.expect("checkpoint_receiver", false, c.trouble)
	return errors.Join(
		s.metrics.Gauge("countersign_checkpoint_waiting", "Signed checkpoints that their receiver has not confirmed.", func() float64 { return float64(c.waiting()) }),
		s.metrics.Gauge("countersign_checkpoint_receiver_failing", "1 while checkpoints do not reach their receiver; /readyz says why.", c.failing),
	)
}

// decisionBook is the folder of the book of this server's decision record.
func (s *server) decisionBook(dir string) string {
	return filepath.Join(dir, strings.TrimPrefix(s.scope, "-"))
}

// receiverTransport calls a receiver. It takes no proxy from the environment and speaks TLS 1.2 or higher.
func receiverTransport(caFile string) (*http.Transport, error) {
	t := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: courier.Timeout, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true}
	if caFile == "" {
		return t, nil
	}
	text, err := ofconfig.ReadBounded(caFile, ofconfig.MaxProfile)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of the checkpoint receiver: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
		return nil, errors.New(caFile + " holds no certificate")
	}
	return t, nil
}

// tokenOf reads a token from its file each time, so that it can be exchanged there; nil where there is no file.
func tokenOf(file string) func() (string, error) {
	if file == "" {
		return nil
	}
	return func() (string, error) {
		text, err := readPrivate(file)
		return strings.TrimSuffix(string(text), "\n"), err
	}
}

// run sends what waits whenever tick gives something.
func (c *couriers) run(ctx context.Context, tick <-chan time.Time) {
	for {
		c.deliver(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

// deliver sends what waits of each book. Couriers log what fails.
func (c *couriers) deliver(ctx context.Context) {
	for _, one := range c.all {
		_ = one.Deliver(ctx)
	}
}

// last sends what was signed at the end, if that is quick.
func (c *couriers) last() {
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), courierLast)
	defer cancel()
	c.deliver(ctx)
	c.kept.CloseIdleConnections()
}

func (c *couriers) waiting() (n uint64) {
	for _, one := range c.all {
		n += one.Status().Waiting
	}
	return n
}

func (c *couriers) failing() float64 {
	for _, one := range c.all {
		if one.Status().Problem != nil {
			return 1
		}
	}
	return 0
}

// trouble says why what was signed is not at its receiver: it says another story, or it is far behind.
func (c *couriers) trouble() error {
	var all []error
	for _, one := range c.all {
		switch s := one.Status(); {
		case errors.Is(s.Problem, courier.ErrContradiction):
			all = append(all, s.Problem)
		case s.Waiting >= courierBehind, !s.Since.IsZero() && c.s.now().Sub(s.Since) > courierLate:
			all = append(all, fmt.Errorf("%d checkpoints wait since %s: %w", s.Waiting, s.Since.UTC().Format(time.RFC3339), orWaiting(s.Problem)))
		}
	}
	return errors.Join(all...)
}

// orWaiting is a cause where none is known yet.
func orWaiting(cause error) error {
	if cause == nil {
		return errors.New("they are being sent")
	}
	return cause
}
