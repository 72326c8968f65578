//go:build !linux

package strict

import "net"

// socket is the connection itself where its system calls are not known.
type socket struct{}

func (*socket) open(net.Conn) {}

func (*socket) receive(c net.Conn, p []byte) (int, error) { return c.Read(p) }

func (*socket) send(c net.Conn, p []byte) (int, error) { return c.Write(p) }
