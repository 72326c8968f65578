package strict

import "net"

// Pipe is pipe, for tests.
func Pipe(peer, local net.Addr) (dialled, accepted net.Conn) { return pipe(peer, local) }
