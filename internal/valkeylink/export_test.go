package valkeylink

import "net"

// ParseInfo is parseInfo.
var ParseInfo = parseInfo

// Plain is plain.
var Plain = plain

// Dial makes a connection as a request would, or as a probe does.
func (l *Link) Dial(address string, request bool) error {
	ctx := l.ending
	if request {
		ctx = l.requests
	}
	conn, err := l.dial(ctx, address, new(net.Dialer), nil)
	if err != nil {
		return err
	}
	return conn.Close()
}
