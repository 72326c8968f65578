package rollup

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/faultfile"
)

const (
	// maxKeys is how many things are counted apart in memory before they are written, whatever the time. Half as many again take
	// less than maxPacked bytes, however long their names are and however badly they pack.
	maxKeys = 25_000
	// minimumKeep is the shortest retention: the day that is written must not go.
	minimumKeep = 48 * time.Hour
)

// ErrLocked is wrapped when another process writes these rollups.
var ErrLocked = errors.New("another process writes these rollups")

// Config says where rollups are kept.
type Config struct {
	Dir  string           // folder of the day files, made with mode 0700; required
	Keep time.Duration    // day files whose day ended longer ago are removed; 0: never; else at least 48 hours
	Now  func() time.Time // for the retention; required
	Log  *slog.Logger     // hears of damaged files and of what cannot be written; required

	// Tally adds up lines as somebody else reads them, so that Follow reads only what that one has missed. nil: it reads all. A
	// Tally serves one Writer.
	Tally *Tally
}

func (c *Config) check() error {
	if c.Dir == "" || c.Now == nil || c.Log == nil {
		return errors.New("rollups need a folder, a clock and a log")
	}
	if c.Keep != 0 && c.Keep < minimumKeep {
		return fmt.Errorf("rollups are kept for at least %s, not %s", minimumKeep, c.Keep)
	}
	return nil
}

// Writer adds up lines and writes the sums. There is one for a folder: it holds the folder's lock. Safe for concurrent use.
// Close it.
type Writer struct {
	cfg  Config
	lock io.Closer

	mu      sync.Mutex // guards all below
	files   map[string]*dayFile
	from    uint64 // the first line that may be in sums
	next    uint64 // the line that is due
	behind  uint64 // up to here, a line may be in a file already: what it held before a crash
	sums    *sums
	at      int64     // the latest minute of all lines
	flushed time.Time // by the clock
	unasked int       // lines since the clock was asked whether a minute is over
	turn    int       // goes up when next went back: a follower has to begin again
}

// dayFile is what is known of a day file.
type dayFile struct {
	end  int64  // of its whole frames
	upTo uint64 // the last line that it has
}

// Open takes the folder over and reads how far its files go; torn frames are cut off when the next one is written. The error
// wraps ErrLocked when somebody else writes there.
func Open(cfg Config) (*Writer, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("open rollups: %w", err)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open rollups: %w", err)
	}
	lock, err := faultfile.OS{}.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		if errors.Is(err, faultfile.ErrLocked) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("open rollups: %w", err)
	}
	w := &Writer{cfg: cfg, lock: lock}
	if err := w.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open rollups: %w", err), lock.Close())
	}
	return w, nil
}

// load reads the state from the files.
func (w *Writer) load() error {
	names, err := days(w.cfg.Dir)
	if err != nil {
		return err
	}
	w.files, w.sums, w.behind = map[string]*dayFile{}, newSums(), 0
	done := uint64(0)
	for _, name := range names {
		f := &dayFile{}
		f.end, err = walkDay(w.cfg.Dir, name, func(one *frame) {
			f.upTo = max(f.upTo, one.to)
			if one.last {
				done = max(done, one.to)
			}
		})
		if err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		if err != nil {
			w.cfg.Log.Warn("a rollup is damaged or was cut short; what is missing comes back with a rebuild", "cause", err.Error())
		}
		w.files[name] = f
		w.behind = max(w.behind, f.upTo)
	}
	w.from, w.next, w.flushed = done+1, done+1, w.cfg.Now()
	return nil
}

// Next is the number of the line that Add expects: a follower of the record begins with it after a start. It is 1 in an
// empty folder.
func (w *Writer) Next() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

// Add counts the line with the number l.Seq. Lines that were counted before a restart are passed over; a line without a
// number is not one of a record, and an error. What was added is in the files after the next Flush, which Add does itself
// once a minute, or when there is much to be kept apart; then the error is that of the disk, and the
// line has not been added.
func (w *Writer) Add(l *search.Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.add(l)
}

func (w *Writer) add(l *search.Line) error {
	if l.Seq == 0 {
		return errors.New("add to rollups: a line without a number")
	}
	if l.Seq < w.next {
		return nil
	}
	minute := w.at
	if !l.Time.IsZero() {
		minute = max(0, l.Time.Unix()/60)
	}
	if w.full() {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.at = max(w.at, minute)
	w.next = l.Seq + 1
	if l.Seq <= w.behind && (l.Kind.Final() || l.Kind == search.Gap) {
		if f := w.files[dayOf(minute)]; f != nil && l.Seq <= f.upTo {
			return nil // a frame has it that was written down before a crash, while that of another day was not
		}
	}
	w.sums.add(l, minute)
	return nil
}

// clockEvery is how many lines there are for one look at the clock.
const clockEvery = 256

// full reports whether what was added must be written down before more is.
func (w *Writer) full() bool {
	if w.sums.keys > maxKeys {
		return true
	}
	w.unasked++
	if w.unasked < clockEvery {
		return false
	}
	w.unasked = 0
	return w.cfg.Now().Sub(w.flushed) >= time.Minute
}

// Flush writes down what was added. After an error nothing is lost: the next one tries again.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

func (w *Writer) flush() error {
	w.sums.settle()
	byDay := map[string]*frame{}
	for minute, t := range w.sums.minutes {
		name := dayOf(minute)
		if byDay[name] == nil {
			byDay[name] = &frame{from: w.from, to: w.next - 1, minutes: map[int64]*Totals{}}
		}
		byDay[name].minutes[minute] = t
	}
	names := slices.Sorted(maps.Keys(byDay))
	for i, name := range names {
		byDay[name].last = i == len(names)-1
		if err := w.write(name, byDay[name]); err != nil {
			return err
		}
	}
	w.sums.reset()
	w.from, w.flushed, w.unasked = w.next, w.cfg.Now(), 0
	return nil
}

// write adds a frame and forgets what is in it, so that a flush that fails later on does not write it again.
func (w *Writer) write(name string, one *frame) error {
	f := w.files[name]
	if f == nil {
		f = &dayFile{}
	}
	end, err := appendFrame(w.cfg.Dir, name, f.end, one)
	if err != nil {
		return err
	}
	w.files[name] = &dayFile{end: end, upTo: one.to}
	for minute := range one.minutes {
		delete(w.sums.minutes, minute)
	}
	return nil
}

// Close writes down what was added and gives the folder back. Call it once.
func (w *Writer) Close() error {
	return errors.Join(w.Flush(), w.lock.Close())
}

// Retain removes the day files that are older than Keep, and returns their names. It never removes the newest one: it tells
// how far the record has been counted.
func (w *Writer) Retain() (removed []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cfg.Keep == 0 {
		return nil, nil
	}
	names := slices.Sorted(maps.Keys(w.files))
	for _, name := range names[:max(0, len(names)-1)] {
		at, ok := begins(name)
		if !ok || at.Add(secondsOfDay*time.Second).After(w.cfg.Now().Add(-w.cfg.Keep)) {
			continue
		}
		if failed := os.Remove(filepath.Join(w.cfg.Dir, name)); failed != nil && !errors.Is(failed, os.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove an old rollup: %w", failed))
			continue
		}
		delete(w.files, name)
		removed = append(removed, name)
	}
	return removed, err
}
