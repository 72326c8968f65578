package segment

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"countersign.dev/internal/faultfile"
)

// Durability says when a line is durable.
type Durability string

// The durabilities.
const (
	// Buffered: a line is written within milliseconds and synced within FlushEvery, or after MaxQueue bytes. A crash of the
	// process loses at most what had not been written (a few milliseconds of lines, at most MaxQueue), a loss of power at
	// most FlushEvery more; with Refuse, nothing more is let in once a disk is Patience late.
	Buffered Durability = "buffered"
	// Sync: as Buffered, and before a request is forwarded a line that says so is durable.
	Sync Durability = "sync"
)

// WhenFull says what becomes of requests while lines cannot be written.
type WhenFull string

// The choices.
const (
	Refuse  WhenFull = "refuse" // Admit refuses: nothing is forwarded that the record might not show
	TellGap WhenFull = "gap"    // requests go on, and a counted gap stands where lines are missing
)

// Queries says what is kept of query strings.
type Queries string

// The choices.
const (
	Digest Queries = "digest" // a keyed digest: equal queries can be recognised, but not read
	Plain  Queries = "plain"  // the query itself, capped
)

// Config makes a Writer. Required: Dir, Key, Now, Rand, Log. Everything else has a default for its zero value.
type Config struct {
	Dir  string           // folder of the record, made with mode 0700; one that others can write into is refused
	Key  []byte           // of the query digests; at least 16 bytes
	Now  func() time.Time // for headers, ages and the record's own lines
	Rand io.Reader        // 16 bytes are drawn once, for the id of a new record
	Log  *slog.Logger     // hears of lost lines, failures and recoveries; must not block
	FS   faultfile.FS     // nil: the operating system's

	Durability Durability    // "": Buffered
	WhenFull   WhenFull      // "": Refuse
	Queries    Queries       // "": Digest
	MaxSize    int64         // of a segment in plain bytes; 0: 256 MiB; 4 KiB to 64 GiB
	MaxAge     time.Duration // of a segment; 0: 24 hours; at least a minute
	Keep       time.Duration // segments whose last line is older are removed, not before 10 minutes after the start; 0: never; at least an hour
	Compress   bool          // closed segments are compressed in the background
	FlushEvery time.Duration // bound of what a loss of power costs; 0: 1 second; 10 ms to 1 minute
	MaxQueue   int           // bytes of lines that may wait; 0: 8 MiB; 64 KiB to 1 GiB. As many may be with the disk
	Patience   time.Duration // for which Admit waits for the disk, and Close too; 0: 5 seconds; at least 10 ms

	// OnLine sees every line once it is written (not: durable), headers too, in order. It runs between the lines: it must
	// return at once, and must not keep Line.Text. nil: nobody looks on.
	OnLine func(Line)
	// Hold is asked before a segment is removed because of its age; a text that is not empty keeps it, and all after it, and
	// is logged. It is called from a goroutine of its own, at least every minute while a segment is held. nil: nothing holds one.
	Hold func(number uint64, last uint64) string
	// HoldFor bounds Hold: a segment whose age is Keep and HoldFor together is removed whatever Hold says, which is logged. 0:
	// nothing bounds it.
	HoldFor time.Duration
	// Renew allows Open to set a damaged record aside, in a folder below Dir, and to begin a new one that says so. A record
	// that is whole is never set aside.
	Renew bool
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// check fills in defaults and refuses what is missing or out of bounds.
func (c *Config) check() error {
	if c.Dir == "" || len(c.Key) < 16 || c.Now == nil || c.Rand == nil || c.Log == nil {
		return errors.New("a decision record needs a folder, a key of 16 bytes, a clock, randomness and a log")
	}
	c.FS = orOS(c.FS)
	or(&c.Durability, Buffered)
	or(&c.WhenFull, Refuse)
	or(&c.Queries, Digest)
	if c.Durability != Buffered && c.Durability != Sync || c.WhenFull != Refuse && c.WhenFull != TellGap || c.Queries != Digest && c.Queries != Plain {
		return fmt.Errorf("durability %q, when full %q, queries %q: not all of these are known", c.Durability, c.WhenFull, c.Queries)
	}
	or(&c.MaxSize, 256*mib)
	or(&c.MaxAge, 24*time.Hour)
	or(&c.FlushEvery, time.Second)
	or(&c.MaxQueue, 8*mib)
	or(&c.Patience, 5*time.Second)
	return errors.Join(
		within("size of a segment", c.MaxSize, 4*kib, 64*gib),
		within("age of a segment", c.MaxAge, time.Minute, 1<<62),
		within("time for which segments are kept", c.Keep, 0, 1<<62),
		within("time between two syncs", c.FlushEvery, 10*time.Millisecond, time.Minute),
		within("bytes that may wait", c.MaxQueue, 64*kib, gib),
		within("patience", c.Patience, 10*time.Millisecond, 10*time.Minute),
	)
}

func or[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

func within[T int | int64 | time.Duration](what string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s: %v is not between %v and %v", what, value, least, most)
	}
	return nil
}
