package main

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"countersign.dev/internal/edge/gateway/strict"
)

// doorStrangers is the share of a door's connections that those who are on no list of it may hold: one in so many.
const doorStrangers = 16

// doorListener keeps places of a door for its proxies: whoever else reaches the port is answered, and recorded, on few connections
// at a time, and further ones are closed unheard. Otherwise a stranger who opens connections and says nothing keeps the proxies out.
type doorListener struct {
	net.Listener
	listed    func(netip.Addr) bool
	strangers chan struct{}
	dropped   func() // counts one that was closed
}

// Accept implements net.Listener.
func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err != nil || l.listed(peer.Addr().Unmap().WithZone("")) { // over a socket nobody has an address
			return c, nil
		}
		select {
		case l.strangers <- struct{}{}:
			return &strangersConn{Conn: c, gone: sync.OnceFunc(func() { <-l.strangers })}, nil
		default:
			_ = c.Close()
			l.dropped()
		}
	}
}

// strangersConn gives its place back when it is closed.
type strangersConn struct {
	net.Conn
	gone func()
}

// Close implements net.Conn.
func (c *strangersConn) Close() error {
	defer c.gone()
	return c.Conn.Close()
}

// CloseWrite ends our side, so that the peer reads an answer to its end.
func (c *strangersConn) CloseWrite() error {
	if half, can := c.Conn.(interface{ CloseWrite() error }); can {
		return half.CloseWrite()
	}
	return nil
}

// countDropped counts a connection that was closed at accept.
func (f *doorway) countDropped() { f.a.metrics.Dropped(f.now.Load().world.environment) }

// lists reports whether the passage in force lets somebody ask.
func (f *doorway) lists(peer netip.Addr) bool {
	return slices.ContainsFunc(f.now.Load().print.setting.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// directListener gives out connections that are read and written without telling the scheduler (record 53), as the strict reader's are.
// A stranger's stays as it is.
type directListener struct{ net.Listener }

// Accept implements net.Listener.
func (l directListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return strict.Direct(c), nil
}

// doorServer serves questions over HTTP. No connection outlives its bounds, whatever a peer leaves out.
func doorServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: doorHeader, ReadTimeout: doorRead, WriteTimeout: doorWrite, IdleTimeout: doorIdle, MaxHeaderBytes: doorHeaderBytes,
		Protocols: onlyHTTP1(), DisableGeneralOptionsHandler: true}
}
