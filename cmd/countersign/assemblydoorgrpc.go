package main

import (
	"context"
	"errors"
	"net"
	"net/http"

	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/extauthz"
)

// buildExtAuthz makes what answers Envoy at a door.
func (a *assembly) buildExtAuthz(p *passage) error {
	setting := &p.print.setting
	cfg := extauthz.Config{Door: p.door, Proxies: setting.Proxies, Socket: isSocket(setting.Address), Secret: p.print.secret, Covered: extauthz.Covered(p.world.accessAPIs()), Now: a.now,
		MaxBody: setting.MaxBody, Bodies: a.bodies}
	if setting.ClientCAFile != "" {
		cfg.Trusts = p.trusts
	}
	if e := setting.Envoy; e != nil {
		cfg.Buffered, cfg.RawHeaders, cfg.ClientCertificates = e.WithRequestBody, e.EncodeRawHeaders, e.ClientCertificates
	}
	checker, err := extauthz.New(cfg)
	if err != nil {
		return err
	}
	if setting.Kind == config.DoorExtAuthz {
		p.checker = checker
	} else {
		p.handler = checker
	}
	return nil
}

// grpcServer makes the server of a door for Envoy's check over gRPC.
func (a *assembly) grpcServer(f *doorway) (httpServer, error) {
	setting := &f.now.Load().print.setting
	server, err := extauthz.NewServer(extauthz.ServerConfig{TLS: f.tls("h2"), MaxBody: int(setting.MaxBody), Log: a.log, Use: func() (*extauthz.Checker, func()) {
		p := f.enter()
		if p == nil {
			return nil, nil
		}
		return p.checker, func() { f.exit(p) }
	}})
	if err != nil {
		return nil, err
	}
	return endingGRPC{server}, nil
}

// endingGRPC is a gRPC server as a listening one is ended.
type endingGRPC struct{ *extauthz.Server }

// Serve serves until the server is ended, and says that like net/http's.
func (s endingGRPC) Serve(l net.Listener) error {
	if err := s.Server.Serve(l); err != nil {
		return err
	}
	return http.ErrServerClosed
}

// Close cuts off what runs.
func (s endingGRPC) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
