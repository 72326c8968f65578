package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Config says where the record is and where its index may be kept.
type Config struct {
	Dir      string       // the folder with the segments; required
	Index    string       // the folder of the index; empty: "index" inside Dir. It is made with mode 0700
	ReadOnly bool         // nothing is written: what has no index file is indexed in memory each time the program runs
	Log      *slog.Logger // hears of index files that were unusable or cannot be written; required
}

// Searcher answers questions about one record. Several processes may each have one for the same record: index files are only
// ever replaced whole. Safe for concurrent use. It holds no file open between calls, so nobody closes it.
type Searcher struct {
	cfg Config

	mu      sync.Mutex // guards all below; held while new lines are indexed
	volumes []*volume
	liars   map[uint64]bool // segments whose index file was found to be false; it is not read again
}

// Open checks the folders and indexes nothing yet: the first Refresh or Find does. The folder of the record must exist.
func Open(cfg Config) (*Searcher, error) {
	if cfg.Dir == "" || cfg.Log == nil {
		return nil, errors.New("open search: a folder and a log are needed")
	}
	if cfg.Index == "" {
		cfg.Index = filepath.Join(cfg.Dir, "index")
	}
	if info, err := os.Stat(cfg.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("open search: %w", errors.Join(ErrSource, err))
	}
	if !cfg.ReadOnly {
		if err := os.MkdirAll(cfg.Index, 0o700); err != nil {
			return nil, fmt.Errorf("open search: make the folder of the index: %w", err)
		}
	}
	if info, err := os.Lstat(cfg.Index); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open search: %s is not a folder", cfg.Index)
	}
	return &Searcher{cfg: cfg, liars: map[uint64]bool{}}, nil
}

// Refresh indexes what was added since the last time, and saves what is complete. A segment that cannot be read does not
// keep the others from it: Page.Unread names it.
func (s *Searcher) Refresh(ctx context.Context) error {
	_, err := s.current(ctx)
	return err
}

// Maintain refreshes whenever tick gives something, until ctx ends or tick is closed. What fails is logged, and tried again
// at the next tick. A server runs it with a time.Ticker, so that a question finds little left to be indexed.
func (s *Searcher) Maintain(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("the decision record cannot be indexed", "cause", err.Error())
		}
	}
}

// Rebuild throws every index file away and makes them again. It returns how many lines the record has.
func (s *Searcher) Rebuild(ctx context.Context) (lines uint64, err error) {
	s.mu.Lock()
	s.volumes = nil
	err = s.clear(func(string) bool { return true })
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	list, err := s.current(ctx)
	if err != nil {
		return 0, err
	}
	for _, v := range list {
		_, rows := v.end()
		lines += rows
		err = errors.Join(err, v.fault)
	}
	return lines, err
}

// current brings the index up to date and returns a copy of it.
func (s *Searcher) current(ctx context.Context) ([]volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := segments(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	former := s.volumes
	s.volumes = make([]*volume, 0, len(list))
	for i, f := range list {
		v := s.volumeOf(former, f)
		s.volumes = append(s.volumes, v)
		if err := v.extend(ctx, f); err != nil {
			s.volumes = former // the context has ended: what there was is still good
			return nil, err
		}
		s.save(v, i < len(list)-1 || f.gz)
	}
	if len(list) > 0 && (len(former) == 0 || former[0].file.number < list[0].number) {
		err = s.clear(func(name string) bool { return name < indexName(list[0].number) })
	}
	copies := make([]volume, len(s.volumes))
	for i, v := range s.volumes {
		copies[i] = *v
		copies[i].parts = slices.Clone(v.parts)
	}
	return copies, err
}

// volumeOf is the volume of f as it was, or a new one with what its index file holds.
func (s *Searcher) volumeOf(former []*volume, f segmentFile) *volume {
	for _, v := range former {
		if v.file.number == f.number && v.file.gz == f.gz && v.file.size <= f.size {
			return v
		}
	}
	v := &volume{file: f, index: filepath.Join(s.cfg.Index, indexName(f.number))}
	if s.liars[f.number] {
		return v
	}
	if err := v.load(); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.cfg.Log.Info("an index file is made again", "file", v.index, "cause", err.Error())
	}
	return v
}

// forget drops the index of one segment: it lied.
func (s *Searcher) forget(number uint64, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Log.Warn("an index does not fit its segment and is made again", "segment", number, "cause", cause.Error())
	s.volumes = slices.DeleteFunc(s.volumes, func(v *volume) bool { return v.file.number == number })
	s.liars[number] = true
	if !s.cfg.ReadOnly {
		_ = os.Remove(filepath.Join(s.cfg.Index, indexName(number)))
	}
}

func indexName(number uint64) string { return fmt.Sprintf("%08d.idx", number) }

// clear removes the index files, and what a crash left of them, whose names are chosen.
func (s *Searcher) clear(chosen func(name string) bool) error {
	if s.cfg.ReadOnly {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(s.cfg.Index, "*.idx*"))
	for _, name := range names {
		if chosen(filepath.Base(name)) {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}
