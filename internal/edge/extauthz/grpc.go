package extauthz

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"time"

	"countersign.dev/internal/access"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// Defaults and bounds of ServerConfig.
const (
	DefaultConcurrent = 256
	DefaultTimeout    = 10 * time.Second
	DefaultMaxBody    = access.DefaultMaxBody

	// besideBody is how long a check request may be without its body. Envoy takes at most 60 KiB of headers unless told otherwise,
	// and writes some of them twice.
	besideBody = 256 << 10

	streamWindow     = 256 << 10
	connectionWindow = 4 << 20
)

// ServerConfig says how the gRPC form is served. Use and Log must be set.
type ServerConfig struct {
	// Use is asked for each check: the Checker in force, and what to call when the check is over. A nil Checker: there is none
	// any more, and the call fails.
	Use func() (*Checker, func())
	// TLS is the policy of the listener; nil: in clear, for loopback, a Unix socket or a mesh.
	TLS *tls.Config
	// MaxBody is how many bytes of a body a check request may hold; 0: DefaultMaxBody. A message that is longer ends its call with
	// RESOURCE_EXHAUSTED, which is an error to the filter: it must not be less than the filter's max_request_bytes.
	MaxBody int
	// Concurrent bounds how many checks are read and answered at a time, over all connections, and so, with MaxBody, their memory.
	// What comes on top is refused with access.Overloaded. 0: DefaultConcurrent.
	Concurrent int
	// Workers is how many goroutines with a stack of a check's size are kept ready; 0: eight for each processor. More checks at a
	// time than that have goroutines of their own.
	Workers int
	// Timeout bounds a check from its first byte to its last; a proxy may set less. 0: DefaultTimeout.
	Timeout time.Duration
	Log     *slog.Logger
}

// Server serves envoy.service.auth.v3.Authorization and nothing else. Safe for concurrent use. Whoever made it ends it with
// Shutdown.
type Server struct {
	cfg   ServerConfig
	grpc  *grpc.Server
	slots chan struct{}
}

// NewServer checks cfg. Nothing is opened.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Use == nil || cfg.Log == nil {
		return nil, errors.New("extauthz: use and log must be set")
	}
	if cfg.MaxBody < 0 || cfg.Concurrent < 0 || cfg.Workers < 0 || cfg.Timeout < 0 {
		return nil, errors.New("extauthz: bounds are not negative")
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Concurrent == 0 {
		cfg.Concurrent = DefaultConcurrent
	}
	if cfg.Workers == 0 {
		cfg.Workers = 8 * runtime.GOMAXPROCS(0)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	s := &Server{cfg: cfg, slots: make(chan struct{}, cfg.Concurrent)}
	s.grpc = grpc.NewServer(s.options()...)
	s.grpc.RegisterService(&service, s)
	return s, nil
}

// service is declared by hand: the check is a stream of one message each way, which is the same on the wire, so that who asks is
// known, and a place for the message taken, before its bytes are read.
var service = grpc.ServiceDesc{
	ServiceName: "envoy.service.auth.v3.Authorization",
	HandlerType: (*any)(nil),
	Streams:     []grpc.StreamDesc{{StreamName: "Check", Handler: serveCheck}},
	Metadata:    "envoy/service/auth/v3/external_auth.proto",
}

func (s *Server) options() []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxRecvMsgSize(s.cfg.MaxBody + besideBody),
		grpc.MaxConcurrentStreams(uint32(s.cfg.Concurrent)),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(s.cfg.Timeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 15 * time.Minute, Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.InTapHandle(s.bound),
		grpc.WaitForHandlers(true),
		grpc.SharedWriteBuffer(true),
		grpc.NumStreamWorkers(uint32(s.cfg.Workers)),
		grpc.StaticStreamWindowSize(streamWindow), // windows that do not grow are not measured with pings, which cost as much as a small check
		grpc.StaticConnWindowSize(connectionWindow),
	}
	if s.cfg.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.cfg.TLS)))
	}
	return options
}

// bound sees to it that no check is open for longer than Timeout: a message that never ends would hold its place.
func (s *Server) bound(ctx context.Context, _ *tap.Info) (context.Context, error) {
	until := time.Now().Add(s.cfg.Timeout)
	if set, has := ctx.Deadline(); has && set.Before(until) {
		return ctx, nil
	}
	bounded, cancel := context.WithDeadline(ctx, until)
	context.AfterFunc(ctx, cancel) // ctx ends with the stream
	return bounded, nil
}

// Serve answers on l until Shutdown, and closes it. After Shutdown it returns nil.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve ext_authz: %w", err)
	}
	return nil
}

// Shutdown takes no more checks and waits for those under way until ctx ends, whose error it then returns; they are cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
		return fmt.Errorf("end ext_authz: %w", ctx.Err())
	}
}

func serveCheck(server any, stream grpc.ServerStream) error { return server.(*Server).check(stream) }

// check serves one call. Everything but the end of the call itself, and a message that is longer than the bound, is answered with a
// CheckResponse.
func (s *Server) check(stream grpc.ServerStream) error {
	checker, done := s.cfg.Use()
	if checker == nil {
		return status.Error(codes.Unavailable, "this server is ending")
	}
	defer done()
	ctx := stream.Context()
	proxy, fault := checker.admits(ctx)
	if fault != "" {
		return send(stream, checker.refuse(proxy, access.UnknownProxy, fault))
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return send(stream, checker.refuse(proxy, access.Overloaded, ""))
	}
	var in received
	defer in.free()
	if err := stream.RecvMsg(&in); err != nil {
		if status.Code(err) == codes.ResourceExhausted {
			checker.refuse(proxy, access.BodyTooLarge, faultTooLong) // for the record: gRPC has ended the call with that code already
		}
		return err // nobody waits for an answer: the call was broken off, took too long or is no call of one message
	}
	return send(stream, s.answer(ctx, checker, in.buffer.ReadOnlyData(), proxy))
}

// answer turns a panic into a refusal: gRPC would end the process.
func (s *Server) answer(ctx context.Context, checker *Checker, message []byte, proxy netip.Addr) (out []byte) {
	defer func() {
		if fault := recover(); fault != nil {
			s.cfg.Log.Error("a check failed; the request was refused", "cause", fmt.Sprint(fault), "stack", string(debug.Stack()))
			out = checker.refuse(proxy, access.Internal, "")
		}
	}()
	return checker.Check(ctx, message, proxy)
}

func send(stream grpc.ServerStream, answer []byte) error { return stream.SendMsg(&sent{bytes: answer}) }

// admits says who asks over gRPC, and why it may not; empty: it may.
func (k *Checker) admits(ctx context.Context) (proxy netip.Addr, fault string) {
	p, has := peer.FromContext(ctx)
	if !has {
		return netip.Addr{}, faultProxy
	}
	proxy, socket := addressOf(p.Addr)
	switch {
	case !k.hears(proxy, socket):
		return proxy, faultProxy
	case k.cfg.Trusts != nil && !k.cfg.Trusts(chainOf(p)):
		return proxy, faultUntrusted
	case len(k.cfg.Secret) > 0 && !k.sharesSecret(metadata.ValueFromIncomingContext(ctx, metadataSecret)):
		return proxy, faultSecret
	}
	return proxy, ""
}

// addressOf is whose address it is. Over a Unix socket nobody has one.
func addressOf(a net.Addr) (address netip.Addr, socket bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone(""), false
	case *net.UnixAddr:
		return netip.Addr{}, true
	}
	return netip.Addr{}, false
}

// chainOf is what the peer has shown in its handshake; nil: nothing, or there was none.
func chainOf(p *peer.Peer) []*x509.Certificate {
	if info, is := p.AuthInfo.(credentials.TLSInfo); is {
		return info.State.PeerCertificates
	}
	return nil
}
