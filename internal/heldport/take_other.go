//go:build !linux

package heldport

import "net"

// take finds a port and gives it back at once: on other systems a bound socket would keep the server itself away.
func take(ip [4]byte) (port int, release func(), err error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: ip[:]})
	if err != nil {
		return 0, nil, err
	}
	return l.Addr().(*net.TCPAddr).Port, func() {}, l.Close()
}
