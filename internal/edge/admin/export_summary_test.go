package admin

import (
	"time"

	"countersign.dev/internal/partner"
)

// EndingOf is when nothing can be proved with a credential any more.
func EndingOf(k partner.Credential) (time.Time, bool) {
	e, ends := endingOf(k)
	return e.at, ends
}

// AwaitStock returns when nobody reads the register in the background.
func AwaitStock(s *Server) {
	s.standing.mu.Lock()
	defer s.standing.mu.Unlock()
}

// SetLarge says from how many rows on a register is read in the background.
func SetLarge(s *Server, rows int) { s.standing.large = rows }
