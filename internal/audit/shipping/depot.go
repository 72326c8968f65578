package shipping

import (
	"context"
	"errors"
	"time"
)

// ErrContradiction is wrapped where a piece is not what is there in its place, or a record is not the one of which pieces were shipped.
// Nothing is overwritten then.
var ErrContradiction = errors.New("another piece is there in its place")

// ErrMalformed is wrapped by the errors that say that something is not a piece, or not a name.
var ErrMalformed = errors.New("not a piece of a record")

// ErrForeign is wrapped by an engine that finds tables or objects of another program, or of a version that it cannot share.
var ErrForeign = errors.New("not a depot that this program can share")

// Depot is the one place to which nodes bring pieces. An engine believes nothing of what lies there: whoever reads proves it. It is safe
// for concurrent use, also by many nodes. Every call ends with its context; an error that wraps none of the sentinels is one of the
// way there: whether the call had an effect is then not known. Whoever opened a depot closes it.
type Depot interface {
	// Put stores a piece durably, as a whole or not at all. The same piece twice is one. Where another piece has its place the error
	// wraps ErrContradiction, and what is there stays.
	Put(ctx context.Context, p *Piece) error
	// Streams lists what nodes have brought, in any order, at most MaxStreams. A name that is none is left out.
	Streams(ctx context.Context) ([]Stream, error)
	// Last is what is known of the last piece of a stream by place; ok is false where there is none.
	Last(ctx context.Context, s Stream) (h Head, ok bool, err error)
	// List lists the places of pieces of a stream, in order, from a place on, that one included, at most limit of them (1 to 1000).
	List(ctx context.Context, s Stream, from Place, limit int) ([]Place, error)
	// Get reads a piece. Its head and digest were checked; its lines were not. The error wraps fs.ErrNotExist where there is none, and
	// ErrMalformed where what is there is no piece, or one of another place.
	Get(ctx context.Context, s Stream, at Place) (*Piece, error)
	// Drop removes pieces that came before a moment, as whole days of UTC where the engine keeps days, and says how many pieces or days
	// these were. What is younger stays.
	Drop(ctx context.Context, before time.Time) (n int, err error)
	// Close gives back what the depot holds.
	Close() error
}

// MaxStreams bounds what a depot lists.
const MaxStreams = 10_000
