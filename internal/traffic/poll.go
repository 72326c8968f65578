package traffic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit/rollup"
)

// folder is how far one folder was read.
type folder struct {
	dir     string
	files   map[string]*file // by name
	trouble string           // why it cannot be listed now; empty: it can
}

// file is how far one day file was read.
type file struct {
	info    fs.FileInfo
	end     int64  // of the whole frames that were read
	fault   string // what is damaged; it stays until the file is another one: what was lost does not come back by itself
	trouble string // why it cannot be read now; it is tried again
	gone    bool   // it was removed
}

// errAgain says that what was read does not hold any more: everything is read again.
var errAgain = errors.New("the counts have to be read again")

// begin forgets everything that was read.
func (s *Sums) begin() {
	s.kept = nil
	for _, dir := range s.cfg.Folders {
		s.kept = append(s.kept, &folder{dir: dir, files: map[string]*file{}})
	}
}

// Follow polls at once, and whenever tick gives something, until ctx ends or tick is closed. A server runs it with a ticker of a
// few seconds: what is counted is a minute behind anyhow.
func (s *Sums) Follow(ctx context.Context, tick <-chan time.Time) {
	for {
		s.Poll(ctx)
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
	}
}

// Poll reads what is new in the folders: the newest day first. Where a rebuild has put other files in the place of those that
// were read, or the clock was set back further than is kept, everything is read again, and the former sums answer until that is
// done. What cannot be read is logged, told with every answer, and tried again by the next call.
func (s *Sums) Poll(ctx context.Context) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.extend()
	now := minuteOf(s.cfg.Now())
	target := s.state
	err := errAgain
	if !s.broken && !s.outdated(now) {
		err = s.read(ctx, target, now)
	}
	if errors.Is(err, errAgain) {
		s.begin()
		target, s.broken = newState(), true
		err = s.read(ctx, target, now)
	}
	if err != nil {
		return // what was begun anew is begun anew once more; else the next call goes on
	}
	s.broken = false
	s.mu.Lock()
	defer s.mu.Unlock()
	target.reading, target.polled = false, now
	target.prune(now)
	s.state = target
}

func minuteOf(t time.Time) int64 { return max(0, t.Unix()/60) }

// outdated reports whether the clock has left what was read: it was set back, or minutes that were ahead of it have come.
func (s *Sums) outdated(now int64) bool {
	st := s.state
	return st.skipped > 0 && now >= st.skipped || st.polled > 0 && now < st.polled-int64(ahead/time.Minute)
}

// read takes over what is new of every folder. The error is errAgain, or the context's.
func (s *Sums) read(ctx context.Context, st *state, now int64) error {
	var faults []string
	var due []reading
	oldest := time.Unix((now-int64(Reach/time.Minute))*60, 0)
	for _, f := range s.kept {
		days, err := rollup.Days(f.dir)
		if s.say(f, &f.trouble, err); err != nil {
			faults = append(faults, "the counts cannot be listed: "+f.trouble)
			continue
		}
		if f.replaced(days) {
			return errAgain
		}
		for _, d := range days {
			if d.Begin.Add(24 * time.Hour).After(oldest) {
				due = append(due, reading{f, d})
			}
		}
	}
	slices.SortStableFunc(due, func(a, b reading) int { return b.day.Begin.Compare(a.day.Begin) })
	for _, r := range due {
		if err := s.readDay(ctx, st, now, r); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.faults = append(faults, s.faults()...)
	return nil
}

// reading is a day file that is due.
type reading struct {
	folder *folder
	day    rollup.Day
}

// replaced reports whether another file stands where one was read, or one in the middle is gone. Retention removes the oldest
// ones; what was read of them ages by itself.
func (f *folder) replaced(days []rollup.Day) bool {
	there := map[string]bool{}
	for _, d := range days {
		there[d.Name] = true
		if known := f.files[d.Name]; known != nil && (known.gone || !os.SameFile(known.info, d.Info) || d.Info.Size() < known.end) {
			return true
		}
	}
	for name, known := range f.files {
		if there[name] {
			continue
		}
		if known.gone = true; len(days) > 0 && name > days[0].Name {
			return true
		}
	}
	return false
}

// readDay takes over what is new of one file.
func (s *Sums) readDay(ctx context.Context, st *state, now int64, r reading) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	known := r.folder.files[r.day.Name]
	if known == nil {
		known = &file{}
		r.folder.files[r.day.Name] = known
	}
	if known.info != nil && known.trouble == "" && known.info.Size() == r.day.Info.Size() && known.info.ModTime().Equal(r.day.Info.ModTime()) {
		return nil
	}
	end, err := rollup.ReadDay(r.folder.dir, r.day.Name, known.end, func(minute int64, t *rollup.Totals) {
		s.mu.Lock()
		st.add(minute, now, t)
		s.mu.Unlock()
	})
	known.info, known.end = r.day.Info, end
	switch {
	case errors.Is(err, rollup.ErrDamaged):
		s.say(r.folder, &known.fault, err)
		known.trouble = ""
	case errors.Is(err, fs.ErrNotExist): // it was just retired, or another one takes its place
	default:
		s.say(r.folder, &known.trouble, err)
	}
	return nil
}

// say notes why something cannot be read, and logs what is new of that.
func (s *Sums) say(f *folder, trouble *string, err error) {
	before := *trouble
	if *trouble = ""; err != nil {
		*trouble = plain(err)
	}
	if *trouble != before && err != nil {
		s.cfg.Log.Warn("per-minute counts cannot be read; pages show numbers that are too low", "folder", filepath.Base(f.dir), "cause", err.Error())
	}
}

// faults are those of all files.
func (s *Sums) faults() (all []string) {
	for _, f := range s.kept {
		for _, one := range f.files {
			if one.fault != "" && !one.gone {
				all = append(all, fmt.Sprintf("%s: its numbers are too low until the counts are made again (countersign audit rollup rebuild, while the server is stopped)", one.fault))
			}
			if one.trouble != "" && !one.gone {
				all = append(all, one.trouble+": its numbers are too low until it can be read")
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// plain is an error without the folders of this machine.
func plain(err error) string {
	var at *fs.PathError
	text := err.Error()
	if errors.As(err, &at) {
		text = strings.ReplaceAll(text, at.Path, filepath.Base(at.Path))
	}
	return text
}
