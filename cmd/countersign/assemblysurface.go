package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"countersign.dev/internal/tlsfile"
	"golang.org/x/net/netutil"
)

// Bounds of a listener for people. Whoever reaches it has an account or shall get nothing for his trouble.
const (
	surfaceConns       = 512
	surfaceHeader      = 10 * time.Second
	surfaceRead        = 2 * time.Minute // a request with its body: evidence may be large
	surfaceWrite       = 2 * time.Minute // a page; the API gives each of its answers the time that it needs, and its reader what that reader has left
	surfaceIdle        = 2 * time.Minute
	surfaceHeaderBytes = 32 << 10
)

// surfaceTick is how often what stands behind a listener for people writes down what it has gathered.
const surfaceTick = 5 * time.Second

// surfaceClosing is how long it may take at the end to write that down.
const surfaceClosing = 5 * time.Second

// surfacePrint is what a blueprint says of a listener for people: that of operators, or that of partners.
type surfacePrint struct {
	name      string // "operators", "partners"
	address   string
	hint      string    // where the address cannot be taken
	tls       *tlsPrint // nil: plain HTTP, on loopback
	publicURL *url.URL  // nil: the name localhost and the port that is listened on
	build     func(a *assembly, g *generation, made *surface) error
}

// key tells listeners apart that cannot be the same one.
func (p *surfacePrint) key() string { return fmt.Sprintf("%s %t", p.address, p.tls != nil) }

// surfaceSlot is the place of one such listener in an assembly, over the generations.
type surfaceSlot struct {
	front *surfaceFront          // guarded by assembly.mu; nil: there is none
	at    atomic.Pointer[string] // its URL; nil: there is none
}

// url is where people find it; empty: there is none.
func (s *surfaceSlot) url() string {
	if at := s.at.Load(); at != nil {
		return *at
	}
	return ""
}

// surfaceFront is a listener for people over the generations: it stays open while what stands behind it is exchanged.
type surfaceFront struct {
	a         *assembly
	name      string
	key       string
	listener  net.Listener
	listening *listening // nil: it is not served yet
	policy    atomic.Pointer[tls.Config]
	surface   atomic.Pointer[surface]
}

// surface is what stands behind a front for one generation. It is closed with that: when its last request is done.
type surface struct {
	http.Handler
	generation *generation
	url        string // where people find it
	policy     *tls.Config
	files      *tlsfile.Files                // nil: the certificate is no file
	depart     func()                        // ends answers that would last; nil: there are none
	closers    []func(context.Context) error // run when its last request is done
	end        context.CancelFunc            // of what runs beside it; nil: nothing does
}

// opening is a listener of a blueprint on its way into force. front and made are nil where there is to be none.
type opening struct {
	slot  *surfaceSlot
	front *surfaceFront
	made  *surface
	fresh bool // it was opened now, and is closed where it is not used
}

// use counts the caller in as a user of the surface in force; nil: there is none any more.
func (f *surfaceFront) use() *surface {
	for {
		m := f.surface.Load()
		if m.generation.enter() {
			return m
		}
		if f.surface.Load() == m {
			return nil
		}
	}
}

// ServeHTTP hands a request to the surface in force.
func (f *surfaceFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// openSurfaces makes what g's blueprint says of listeners for people, and takes the addresses that are not taken already. Nothing
// is accepted yet. After an error nothing of it is open.
func (a *assembly) openSurfaces(g *generation) (all []*opening, err error) {
	prints := []struct {
		slot  *surfaceSlot
		print *surfacePrint
	}{{&a.plane, nil}, {&a.portal, nil}}
	if p := g.blueprint.plane; p != nil {
		prints[0].print = &p.surfacePrint
	}
	if p := g.blueprint.portal; p != nil {
		prints[1].print = &p.surfacePrint
	}
	for _, one := range prints {
		o := &opening{slot: one.slot}
		if one.print != nil {
			if err := a.openSurface(g, o, one.print); err != nil {
				return nil, errors.Join(err, closeFresh(all))
			}
		}
		all = append(all, o)
	}
	return all, nil
}

func (a *assembly) openSurface(g *generation, o *opening, p *surfacePrint) (err error) {
	if o.front = o.slot.front; o.front == nil || o.front.key != p.key() {
		inner, err := net.Listen(networkOf(p.address), p.address)
		if err != nil {
			return hinted{fmt.Errorf("listen for %s: %w", p.name, err), p.hint}
		}
		o.front, o.fresh = &surfaceFront{a: a, name: p.name, key: p.key(), listener: inner}, true
	}
	o.made = &surface{generation: g, url: p.where(o.front.listener.Addr())}
	g.surfaces = append(g.surfaces, o.made)
	if o.made.policy, o.made.files, err = a.surfacePolicy(p); err == nil {
		err = p.build(a, g, o.made)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the listener of %s: %w", p.name, err), closeFresh([]*opening{o}))
	}
	return nil
}

// closeFresh closes the listeners that were opened and are not used.
func closeFresh(all []*opening) error {
	var failures []error
	for _, o := range all {
		if o.fresh {
			failures = append(failures, o.front.listener.Close())
		}
	}
	return errors.Join(failures...)
}

// where is the URL under which people find the listener.
func (p *surfacePrint) where(addr net.Addr) string {
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

// loopback reports whether only this machine reaches the listener, so that its own names are good enough.
func (p *surfacePrint) loopback() bool {
	host, _, err := net.SplitHostPort(p.address)
	ip, bad := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || bad == nil && ip.Unmap().IsLoopback())
}

// surfacePolicy is the TLS policy of the listener; nil: there is no TLS. HTTP/2 is not spoken: nothing here needs it.
func (a *assembly) surfacePolicy(p *surfacePrint) (*tls.Config, *tlsfile.Files, error) {
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

// serve begins to accept.
func (f *surfaceFront) serve() {
	server := &http.Server{Handler: f, ReadHeaderTimeout: surfaceHeader, ReadTimeout: surfaceRead, WriteTimeout: surfaceWrite, IdleTimeout: surfaceIdle,
		MaxHeaderBytes: surfaceHeaderBytes, ErrorLog: f.a.serverLog(), Protocols: onlyHTTP1()}
	listener := netutil.LimitListener(f.listener, surfaceConns)
	if f.policy.Load() != nil {
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.policy.Load(), nil }})
	}
	f.listening = serveOn(f.name, server, listener, f.a.failed)
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}
