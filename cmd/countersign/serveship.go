package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/bucket"
	"countersign.dev/internal/audit/shipping/postgres"
	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
)

const (
	// shipLast bounds what is shipped at the end of a server; what is left is shipped after its next start.
	shipLast = 5 * time.Second
	// shipLate is how long lines may wait before readiness warns.
	shipLate = 5 * time.Minute
	// shipDanger is the share of records.decisions.keep after which what was not shipped is near to being removed.
	shipDanger = 0.75
)

// shipments are what a server ships and collects. The zero value does neither.
type shipments struct {
	depot     *shipping.Lazy
	shipper   atomic.Pointer[shipping.Shipper] // nil: not yet, or nothing is shipped
	collector *collecting                      // nil: nothing is collected
}

// openShipping makes what ships the record of this node, and what collects those of others. The depot may be away.
func (s *server) openShipping() error {
	cfg := s.cfg.Records.Ship
	if cfg == nil {
		return nil
	}
	node, err := shipNode(cfg)
	if err != nil {
		return err
	}
	depot, err := depotOf(s.cfg)
	if err != nil {
		return err
	}
	s.shipments.depot = depot
	stream := shipping.Stream{Node: node, Scope: strings.TrimPrefix(s.scope, "-"), Record: s.records.writer.ID(), Part: shipping.Lines}
	how := shipping.ShipperConfig{Depot: depot, Stream: stream, Dir: s.recordConfig().Dir, Durable: func() uint64 { return s.records.writer.Head().Seq }, Now: s.now, Log: s.log}
	if c := s.cfg.Records.Checkpoints; c != nil {
		how.Book = filepath.Join(s.decisionBook(c.Dir), checkpoint.FileName(checkpoint.Decisions))
		if key, err := checkpoint.LoadPublic(nil, c.KeyFile+".pub"); err == nil {
			how.Key = key.String()
		} else {
			s.log.Warn("the public key of checkpoints cannot be read: other machines have to be told which it is", "cause", err.Error())
		}
	}
	shipper, err := shipping.NewShipper(how)
	if err != nil {
		return err
	}
	s.shipments.shipper.Store(shipper)
	s.expect("records_shipped", false, s.shippingTrouble)
	return errors.Join(s.publishShipping(shipper), s.openCollecting(depot, node))
}

// shipNode is the name of this node.
func shipNode(cfg *config.Ship) (string, error) {
	name := cfg.Node
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("what this machine is called: %w", err)
		}
		name = strings.ToLower(host)
	}
	if err := shipping.CheckNode(name); err != nil {
		return "", hinted{err, "give this node a name with records.ship.node"}
	}
	return name, nil
}

// depotOf is the depot of a configuration, which must have one. It is opened when it is first needed.
func depotOf(cfg *config.Config) (*shipping.Lazy, error) {
	ship := cfg.Records.Ship
	if ship.To == config.ShipBucket {
		return bucketOf(ship.Bucket)
	}
	file := ship.URLFile
	if ship.To == config.ShipRegister {
		file = cfg.Register.URLFile
	}
	return shipping.NewLazy(func(ctx context.Context) (shipping.Depot, error) {
		text, err := readPrivate(file)
		if err != nil {
			return nil, err
		}
		depot, err := postgres.Open(ctx, postgres.Config{URL: strings.TrimSpace(string(text))})
		if err != nil {
			return nil, err // not depot: a nil *Depot is not a nil Depot
		}
		return depot, nil
	}), nil
}

func bucketOf(b *config.Bucket) (*shipping.Lazy, error) {
	var roots *x509.CertPool
	if b.CAFile != "" {
		text, err := ofconfig.ReadBounded(b.CAFile, ofconfig.MaxProfile)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of the bucket: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(text) {
			return nil, errors.New(b.CAFile + " holds no certificate")
		}
	}
	return shipping.NewLazy(func(ctx context.Context) (shipping.Depot, error) {
		access, secret, err := bucket.LoadCredentials(b.CredentialsFile)
		if err != nil {
			return nil, err
		}
		depot, err := bucket.Open(ctx, bucket.Config{Endpoint: b.Endpoint, Bucket: b.Name, Prefix: b.Prefix, Region: b.Region, Access: access, Secret: secret,
			Plain: b.Plain, Roots: roots})
		if err != nil {
			return nil, err
		}
		return depot, nil
	}), nil
}

// startShipping runs both from here on.
func (s *server) startShipping() {
	if shipper := s.shipments.shipper.Load(); shipper != nil {
		s.ticking(s.cfg.Records.Ship.Every, shipper.Run)
	}
	if c := s.shipments.collector; c != nil {
		s.ticking(s.cfg.Records.Collect.Every, c.Run)
	}
}

// hold keeps a segment that a stream has not confirmed, or that was not shipped, from being removed because of its age;
// records.stream.hold bounds it.
func (s *server) hold(number, last uint64) string {
	if why := s.streams.hold(number, last); why != "" || s.cfg.Records.Ship == nil {
		return why
	}
	shipper := s.shipments.shipper.Load()
	if shipper == nil {
		return "the server is starting"
	}
	return shipper.Hold(number, last)
}

// shippingTrouble says why what was written here is not where the others are, and how long that may last.
func (s *server) shippingTrouble() error {
	st := s.shipments.shipper.Load().Status()
	lag := s.shipLag(st)
	keep := s.cfg.Records.Decisions.Keep
	switch {
	case errors.Is(st.Problem, shipping.ErrContradiction):
		return st.Problem
	case keep > 0 && lag > time.Duration(shipDanger*float64(keep)):
		return fmt.Errorf("lines wait since %s to be shipped, and are removed when they are older than records.decisions.keep and records.stream.hold: %w",
			st.Since.UTC().Format(time.RFC3339), orWaiting(st.Problem))
	case st.Problem != nil && (st.At.IsZero() || s.now().Sub(st.At) > shipLate):
		return fmt.Errorf("%d lines wait to be shipped: %w", st.Behind, st.Problem)
	}
	return nil
}

// shipLag is how long the oldest line waits.
func (s *server) shipLag(st shipping.ShipStatus) time.Duration {
	if st.Behind == 0 || st.Since.IsZero() {
		return 0
	}
	return max(0, s.now().Sub(st.Since))
}

// publishShipping publishes how far the shipper is.
func (s *server) publishShipping(shipper *shipping.Shipper) error {
	is := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	return errors.Join(
		s.metrics.Counter("countersign_ship_pieces_total", "Pieces of this node's decision record that came to the depot since the start.", func() float64 { return float64(shipper.Status().Pieces) }),
		s.metrics.Counter("countersign_ship_bytes_total", "Plain bytes of these pieces.", func() float64 { return float64(shipper.Status().Bytes) }),
		s.metrics.Gauge("countersign_ship_behind_lines", "Durable lines of this node's decision record that are not in the depot.", func() float64 { return float64(shipper.Status().Behind) }),
		s.metrics.Gauge("countersign_ship_lag_seconds", "Seconds for which the oldest of these waits, as far as that is known.", func() float64 { return s.shipLag(shipper.Status()).Seconds() }),
		s.metrics.Gauge("countersign_ship_failing", "1 while the decision record is not shipped; /readyz says why when that lasts.", func() float64 { return is(shipper.Status().Problem != nil) }),
		s.metrics.Gauge("countersign_ship_contradiction", "1 while this node's record is not the one that was shipped under its name: its disk was put back, or a copy of it ships.", func() float64 {
			return is(errors.Is(shipper.Status().Problem, shipping.ErrContradiction))
		}),
	)
}

// lastShipment ships at the end what is durable then, if that is quick. It is closed after the decision record and its checkpoints.
type lastShipment struct{ s *server }

// Close implements io.Closer.
func (l lastShipment) Close() error {
	sh := &l.s.shipments
	if sh.depot == nil {
		return nil
	}
	var err error
	if sh.collector != nil {
		err = sh.collector.Close()
	}
	if shipper := sh.shipper.Load(); shipper != nil && shipper.Status().Problem == nil {
		ctx, end := context.WithTimeout(context.Background(), shipLast)
		defer end()
		_ = shipper.Round(ctx) // logged; what is left is shipped after the next start
	}
	return errors.Join(err, sh.depot.Close())
}
