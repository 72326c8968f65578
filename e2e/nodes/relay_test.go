package nodes_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay is the network between one node and one server: connections to it end at the server's socket. It can be cut, which resets
// every connection and each new one, and stalled, which delivers nothing and closes nothing.
type relay struct {
	ln     net.Listener
	socket string
	count  *commands // nil: nobody counts what the node asks

	mu    sync.Mutex
	moved *sync.Cond
	state relayState
	conns map[net.Conn]bool
}

type relayState int

const (
	open relayState = iota
	cut
	stalled
)

// newRelay makes one that a node reaches at host; count may be nil.
func newRelay(t testing.TB, host, socket string, count *commands) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{ln: ln, socket: socket, count: count, conns: map[net.Conn]bool{}}
	r.moved = sync.NewCond(&r.mu)
	go r.accept()
	return r
}

func (r *relay) address() string { return r.ln.Addr().String() }

func (r *relay) close() {
	_ = r.ln.Close()
	r.set(cut)
}

// set makes the network whole, cuts or stalls it.
func (r *relay) set(state relayState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
	if state == cut {
		for c := range r.conns {
			reset(c)
		}
	}
	r.moved.Broadcast()
}

// reset ends a connection with RST.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (r *relay) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return
		}
		go r.join(c)
	}
}

// join carries one connection until either side ends it.
func (r *relay) join(node net.Conn) {
	if !r.hold(node) {
		return
	}
	defer r.forget(node)
	if !r.passable() {
		return
	}
	server, err := net.Dial("unix", r.socket)
	if err != nil || !r.hold(server) {
		return // nobody is there: the node's connection ends
	}
	defer r.forget(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.carry(node, server, io.Discard)
		r.forget(node)
	}()
	heard, end := r.count.begin()
	r.carry(server, node, heard)
	end()
	r.forget(server)
	<-done
}

// hold keeps a connection for set; false: the network was cut, and it is ended.
func (r *relay) hold(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == cut {
		reset(c)
		return false
	}
	r.conns[c] = true
	return true
}

func (r *relay) forget(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	_ = c.Close()
}

// passable waits until bytes may pass; false: never, the network was cut.
func (r *relay) passable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.state == stalled {
		r.moved.Wait()
	}
	return r.state == open
}

// carry takes bytes from one connection to another while they may pass.
func (r *relay) carry(to, from net.Conn, heard io.Writer) {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if !r.passable() {
				return
			}
			_, _ = heard.Write(piece[:n])
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
