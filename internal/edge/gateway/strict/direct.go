package strict

import "net"

// Direct gives back a connection that is read and written with system calls of
// which the scheduler is not told, as those of a Listener are, for a server that
// reads connections itself. Deadlines, Close and addresses are c's. At most one
// Read and one Write may run at a time. A connection that is neither TCP nor a
// Unix socket, or a system where this is not known, gives c's own reads and writes.
func Direct(c net.Conn) net.Conn {
	d := &direct{Conn: c}
	d.sock.open(c)
	return d
}

type direct struct {
	net.Conn
	sock socket
}

// Read implements net.Conn.
func (d *direct) Read(p []byte) (int, error) { return d.sock.receive(d.Conn, p) }

// Write implements net.Conn.
func (d *direct) Write(p []byte) (int, error) { return d.sock.send(d.Conn, p) }
