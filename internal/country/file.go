package country

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// WatchEvery is how often File.Run looks at its file.
const WatchEvery = time.Second

// WatchConfig says what to watch. Both fields must be set.
type WatchConfig struct {
	Path string
	Log  *slog.Logger // hears of each new table and of each new problem
}

// File is a table that is as new as its file. A new content counts only when it can be read whole and holds countries;
// otherwise the former one stays, and Problem says why. Safe for concurrent use; nothing to close.
type File struct {
	cfg   WatchConfig
	table atomic.Pointer[Table]

	mu      sync.Mutex
	inForce fs.FileInfo // of the content in force
	tried   fs.FileInfo // of the content that failed; nil: none
	problem error
}

// Watch reads the file once; its errors are those of Open. Run keeps it up to date.
func Watch(cfg WatchConfig) (*File, error) {
	if cfg.Path == "" || cfg.Log == nil {
		return nil, errors.New("country: a path and a log are needed")
	}
	info, err := os.Stat(cfg.Path) // before the reading: a file that is replaced in between is read again
	if err != nil {
		return nil, err
	}
	table, err := Open(cfg.Path)
	if err != nil {
		return nil, err
	}
	f := &File{cfg: cfg, inForce: info}
	f.table.Store(table)
	f.tell(table)
	return f, nil
}

func (f *File) tell(t *Table) {
	f.cfg.Log.Info("country file", "file", f.cfg.Path, "kind", t.Kind(), "built", time.Unix(t.Built(), 0).UTC())
}

// Country implements access.Countries, as Table.Country does.
func (f *File) Country(address netip.Addr) (iso string, ok bool) {
	return f.table.Load().Country(address)
}

// Problem says why the file's present content is not in force; nil: it is.
func (f *File) Problem() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.problem
}

// Run looks at the file every second until ctx ends.
func (f *File) Run(ctx context.Context) {
	ticker := time.NewTicker(WatchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.Poll()
		}
	}
}

// Poll looks at the file now and reports whether a new table is in force. The file is large, so that it is read only when its
// inode, size or time of change is another: publish it by renaming. One that failed is not read again before it changes.
func (f *File) Poll() (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.cfg.Path)
	switch {
	case err != nil:
		f.fail(err)
		return false
	case same(info, f.inForce):
		if f.problem != nil {
			f.cfg.Log.Info("the country file is as it was", "file", f.cfg.Path)
		}
		f.problem, f.tried = nil, nil
		return false
	case f.tried != nil && same(info, f.tried):
		return false
	}
	table, err := Open(f.cfg.Path)
	if err != nil {
		f.tried = info
		f.fail(err)
		return false
	}
	f.table.Store(table)
	f.inForce, f.tried, f.problem = info, nil, nil
	f.tell(table)
	return true
}

func (f *File) fail(err error) {
	if f.problem == nil || f.problem.Error() != err.Error() {
		f.cfg.Log.Error("the country file cannot be read; the former one goes on", "file", f.cfg.Path, "cause", err.Error())
	}
	f.problem = err
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
