package valkeylink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"
)

var (
	// ErrUnreachable says that the server gave no answer, or one of a server that cannot serve now, or that the circuit is
	// open because an earlier call had none. Whether the call was carried out is unknown.
	ErrUnreachable = errors.New("the shared cache does not answer")
	// ErrMemory says that the server has no memory left and, as it should, forgets nothing to make room.
	ErrMemory = errors.New("the shared cache is full")
	// ErrAnswer says that the server answered with an error, or with something that makes no sense.
	ErrAnswer = errors.New("the shared cache answered with an error")

	errClosed  = fmt.Errorf("%w: the link is closed", ErrUnreachable)
	errStart   = fmt.Errorf("%w: it has not answered since the start", ErrUnreachable)
	errSuspect = fmt.Errorf("%w: another part of the cluster gave no answer, and this one is being looked at", ErrUnreachable)
	errDialing = errors.New("there is no connection")
)

// Link is the way to the servers. Open makes one; Close ends it. Safe for concurrent use.
type Link struct {
	cfg      Config
	client   atomic.Pointer[client]
	facts    atomic.Pointer[Facts]
	lanes    []lane
	requests context.Context // of calls by requests: they make no connection
	ending   context.Context
	end      context.CancelFunc
	done     sync.WaitGroup
	making   sync.Mutex // of a client
	calls    atomic.Uint64
	failures atomic.Uint64
}

type client struct{ valkey.Client }

// ofRequest marks the context of a call by a request.
type ofRequest struct{}

// Open connects and looks at the servers. A server that is away is no error: calls fail with ErrUnreachable until it is
// there. What does not get better by waiting is one: a wrong setting, an unreadable file, a refused password. The caller
// closes the link, behind everything that uses it.
func Open(cfg Config) (*Link, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open the link to the shared cache: %w", err)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.TLS != nil {
		cfg.TLS = cfg.TLS.Clone()
		cfg.TLS.MinVersion = max(cfg.TLS.MinVersion, tls.VersionTLS12)
	}
	l := &Link{cfg: cfg, lanes: make([]lane, 1)}
	if cfg.Mode == Cluster {
		l.lanes = make([]lane, Lanes)
	}
	l.ending, l.end = context.WithCancel(context.Background())
	l.requests = context.WithValue(l.ending, ofRequest{}, true)
	if _, err := l.credentials(valkey.AuthCredentialsContext{}); err != nil {
		return nil, fmt.Errorf("open the link to the shared cache: %w", err)
	}
	for i := range l.lanes {
		l.lanes[i].open(l, i)
	}
	err := l.connect()
	if denied(err) {
		l.end()
		return nil, fmt.Errorf("open the link to the shared cache: %w", err)
	}
	for i := range l.lanes {
		if err == nil {
			l.lanes[i].look()
		} else {
			l.lanes[i].breakBy(noAnswer(err))
		}
		l.done.Go(l.lanes[i].run)
	}
	return l, nil
}

// connect makes a client in the place of the former one.
func (l *Link) connect() error {
	option := valkey.ClientOption{
		InitAddress: l.cfg.Addresses, AuthCredentialsFn: l.credentials, DialCtxFn: l.dial, ClientName: "countersign",
		ForceSingleClient: l.cfg.Mode == Single, DisableRetry: true, DisableCache: true, ClientSetInfo: valkey.DisableClientSetInfo,
		Dialer: net.Dialer{Timeout: connectTimeout}, ConnWriteTimeout: max(connectTimeout, l.cfg.Timeout), // answers are not waited for any longer, either
		ReadBufferEachConn: 1 << 15, WriteBufferEachConn: 1 << 15, PipelineMultiplex: -1, TLSConfig: l.cfg.TLS,
	}
	switch l.cfg.Mode {
	case Sentinel:
		option.Sentinel = valkey.SentinelOption{MasterSet: l.cfg.Master, TLSConfig: l.cfg.TLS, TopologyRefreshInterval: 5 * time.Second}
	case Cluster:
		option.PipelineMultiplex = 0 // one connection to each, as -1 means for the others: a request never finds one that is not made yet
		option.ClusterOption = valkey.ClusterOption{ShardsRefreshInterval: 5 * time.Second, MaxMovedRedirections: 3}
	}
	made, err := valkey.NewClient(option)
	if err != nil {
		if made != nil {
			made.Close()
		}
		return err
	}
	if former := l.client.Swap(&client{made}); former != nil {
		former.Close()
	}
	return nil
}

// reconnect makes a client where there is none, or, with renew, in any case. Lanes of a cluster share it.
func (l *Link) reconnect(renew bool) error {
	l.making.Lock()
	defer l.making.Unlock()
	if l.ending.Err() != nil {
		return errClosed
	}
	if l.client.Load() != nil && !renew {
		return nil
	}
	return l.connect()
}

// Now is the clock's reading.
func (l *Link) Now() time.Time { return l.cfg.Now() }

// dial makes a connection, but never while a request waits for it.
func (l *Link) dial(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	if ctx.Value(ofRequest{}) != nil {
		return nil, errDialing
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	network := "tcp"
	if address[0] == '/' {
		network = "unix"
	}
	if config == nil || network == "unix" {
		return dialer.DialContext(ctx, network, address)
	}
	return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
}

// denied reports whether err is an answer that waiting does not change.
func denied(err error) bool {
	answer, ok := valkey.IsValkeyErr(err)
	return ok && !passing(answer.Error())
}

// Close ends the link; calls fail with ErrUnreachable from then on. A second Close does nothing.
func (l *Link) Close() error {
	l.end()
	l.done.Wait()
	if c := l.client.Swap(nil); c != nil {
		c.Close()
	}
	return nil
}

// Ready is nil, or why calls fail now. With a cluster it is not nil when a part of the calls fails: who takes a node out of
// service for that takes all of them out, while most of their requests would be served.
func (l *Link) Ready() error {
	for i := range l.lanes {
		if err := l.lanes[i].fault(); err != nil {
			return err
		}
	}
	return nil
}
