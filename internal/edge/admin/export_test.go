package admin

import "time"

// What the fuzz targets call directly: the parsers of this package.
var (
	Strict     = strict
	PreferWait = preferWait
	IsETag     = isETag
	MaxDepth   = maxDepth
)

// SetWire gives a server another clock of connections.
func SetWire(s *Server, wire func() time.Time) { s.wire = wire }
