package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/tlsfile"
	"golang.org/x/net/netutil"
)

// Bounds of the operators' listener. Whoever reaches it has an account or shall get nothing for his trouble.
const (
	planeConns       = 512
	planeHeader      = 10 * time.Second
	planeRead        = 2 * time.Minute // a request with its body: evidence may be large
	planeWrite       = 2 * time.Minute // a page; the API gives each of its answers the time that it needs, and its reader what that reader has left
	planeIdle        = 2 * time.Minute
	planeHeaderBytes = 32 << 10
)

// planePrint is what a blueprint says of the operators' plane.
type planePrint struct {
	address   string
	hint      string    // where the address cannot be taken
	tls       *tlsPrint // nil: plain HTTP, on loopback
	publicURL *url.URL  // nil: the name localhost and the port that is listened on
	oidc      *config.OIDC
	passkeys  config.Passkeys
	sessions  config.Sessions
	webhooks  config.Webhooks
	demo      *signin.Demo // nil: not dev

	plainEndpoints func(environment string) bool // where webhook endpoints of this machine may be plain http; nil: nowhere
}

// key tells listeners apart that cannot be the same one.
func (p *planePrint) key() string { return fmt.Sprintf("%s %t", p.address, p.tls != nil) }

// planeFront is the operators' listener over the generations: it stays open while what stands behind it is exchanged.
type planeFront struct {
	a         *assembly
	key       string
	listener  net.Listener
	listening *listening // nil: it is not served yet
	policy    atomic.Pointer[tls.Config]
	plane     atomic.Pointer[plane]
}

// plane is what stands behind the front for one generation. It is closed with that: when its last request is done.
type plane struct {
	http.Handler
	generation *generation
	url        string // where people find it
	policy     *tls.Config
	files      *tlsfile.Files                            // nil: the certificate is no file
	server     interface{ Close(context.Context) error } // nil: it was not made
	pages      interface{ Close(context.Context) error } // those to sign in; there is one with server
	end        context.CancelFunc                        // of what runs beside it
}

// use counts the caller in as a user of the plane in force; nil: there is none any more.
func (f *planeFront) use() *plane {
	for {
		m := f.plane.Load()
		if m.generation.enter() {
			return m
		}
		if f.plane.Load() == m {
			return nil
		}
	}
}

// ServeHTTP hands a request to the plane in force.
func (f *planeFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.a.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	m := f.use()
	if m == nil {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer m.generation.leave()
	m.ServeHTTP(w, r)
}

// openPlane makes what g's blueprint says of the plane, and takes its address where that is not taken already. Nothing is
// accepted yet. front is nil where there is to be none; fresh: it was opened now, and the caller closes it where it is not used.
func (a *assembly) openPlane(g *generation) (front *planeFront, made *plane, fresh bool, err error) {
	p := g.blueprint.plane
	if p == nil {
		return nil, nil, false, nil
	}
	if front = a.plane; front == nil || front.key != p.key() {
		inner, err := net.Listen(networkOf(p.address), p.address)
		if err != nil {
			return nil, nil, false, hinted{fmt.Errorf("listen for operators: %w", err), p.hint}
		}
		front, fresh = &planeFront{a: a, key: p.key(), listener: inner}, true
	}
	made = &plane{generation: g, url: p.where(front.listener.Addr())}
	g.plane = made
	if made.policy, made.files, err = a.planePolicy(p); err == nil {
		err = a.planeHandler(g, made)
	}
	if err != nil {
		err = fmt.Errorf("the operators' plane: %w", err)
		if fresh {
			_ = front.listener.Close() // nobody has it
		}
		return nil, nil, false, err
	}
	return front, made, fresh, nil
}

// where is the URL under which people find the plane.
func (p *planePrint) where(addr net.Addr) string {
	if p.publicURL != nil {
		return p.publicURL.String()
	}
	scheme, port := "http", 0
	if p.tls != nil {
		scheme = "https"
	}
	if at, ok := addr.(*net.TCPAddr); ok {
		port = at.Port
	}
	return scheme + "://localhost:" + strconv.Itoa(port)
}

// planePolicy is the TLS policy of the listener; nil: there is no TLS. HTTP/2 is not spoken: nothing here needs it.
func (a *assembly) planePolicy(p *planePrint) (*tls.Config, *tlsfile.Files, error) {
	if p.tls == nil {
		return nil, nil, nil
	}
	policy := &tls.Config{MinVersion: max(p.tls.minVersion, tls.VersionTLS12), NextProtos: []string{"http/1.1"}}
	if p.tls.fixed != nil {
		policy.Certificates = []tls.Certificate{*p.tls.fixed}
		return policy, nil, nil
	}
	files, err := a.keepers.tlsFiles(p.tls.files, "")
	if err != nil {
		return nil, nil, err
	}
	policy.GetCertificate = files.Certificate
	return policy, files, nil
}

// exchangePlane puts a plane in force, and lets the former listener go where there is another one, or none. Nothing can fail.
func (a *assembly) exchangePlane(front *planeFront, made *plane) {
	former := a.plane
	a.plane = front
	if front != nil {
		front.plane.Store(made)
		front.policy.Store(made.policy)
		a.planeAt.Store(&made.url)
		if front.listening == nil {
			front.serve()
		}
	} else {
		a.planeAt.Store(nil)
	}
	if former != nil && former != front {
		a.leaving.Go(func() {
			ctx, cancel := context.WithTimeout(a.life, planeDrain)
			defer cancel()
			if err := a.drainListening(ctx, former.listening); err != nil {
				a.log.Warn("end the operators' listener", "cause", err.Error())
			}
		})
	}
}

// planeDrain is how long requests of operators may take after a reload has taken their listener away.
const planeDrain = 10 * time.Second

// serve begins to accept.
func (f *planeFront) serve() {
	server := &http.Server{Handler: f, ReadHeaderTimeout: planeHeader, ReadTimeout: planeRead, WriteTimeout: planeWrite, IdleTimeout: planeIdle,
		MaxHeaderBytes: planeHeaderBytes, ErrorLog: f.a.serverLog(), Protocols: onlyHTTP1()}
	listener := netutil.LimitListener(f.listener, planeConns)
	if f.policy.Load() != nil {
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.policy.Load(), nil }})
	}
	f.listening = serveOn("operators", server, listener, f.a.failed)
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// planeURL is where the plane is found; empty: there is none.
func (a *assembly) planeURL() string {
	if at := a.planeAt.Load(); at != nil {
		return *at
	}
	return ""
}
