package checkpoint

import "time"

// The records that are anchored.
const (
	Changes   = "changes"   // the change rows of the register
	Decisions = "decisions" // the decision lines
)

// Anchor says what a record was at a point in time: its entry Seq had the chain value Hash. Whoever holds a signed one can
// tell whether everything up to Seq is still what it was; of what came after it says nothing.
type Anchor struct {
	Record string // Changes or Decisions
	ID     string // of the record: 32 lower-case hexadecimal digits, drawn once when it was begun
	Seq    uint64 // at least 1
	Hash   [32]byte
	At     time.Time // UTC; when it was signed
}
