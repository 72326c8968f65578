package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Config says where the record is and where its index may be kept.
type Config struct {
	Dir       string       // the folder with the segments; required
	Index     string       // the folder of the index; empty: "index" inside Dir. It is made with mode 0700
	ReadOnly  bool         // nothing is written: what has no index file is indexed in memory each time the program runs
	Log       *slog.Logger // hears of index files that were unusable or cannot be written; required
	Companion Companion    // hears of the lines that are indexed; nil: nobody does
}

// Searcher answers questions about one record. Several processes may each have one for the same record: index files are only
// ever replaced whole. Safe for concurrent use. It holds no file open between calls, so nobody closes it: only while Maintain runs,
// the segment that is written stays open.
type Searcher struct {
	cfg Config

	mu      sync.Mutex // guards all below; held while new lines are indexed
	volumes []*volume  // by number
	pass    pass
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
	return &Searcher{cfg: cfg, pass: pass{heard: cfg.Companion}, liars: map[uint64]bool{}}, nil
}

// Refresh indexes what was added since the last time, and saves what is complete. A segment that cannot be read does not
// keep the others from it: Page.Unread names it.
func (s *Searcher) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh(ctx)
}

// Rebuild throws every index file away and makes them again. It returns how many lines the record has.
func (s *Searcher) Rebuild(ctx context.Context) (lines uint64, err error) {
	s.mu.Lock()
	s.exchange(s.volumes, nil)
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
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	copies := make([]volume, len(s.volumes))
	for i, v := range s.volumes {
		copies[i] = v.view()
	}
	return copies, nil
}

// refresh looks at every segment. The lock is held.
func (s *Searcher) refresh(ctx context.Context) error {
	list, err := segments(s.cfg.Dir)
	if err != nil {
		return err
	}
	fresh := make([]*volume, 0, len(list))
	for i, f := range list {
		v, err := s.extended(ctx, f, i < len(list)-1)
		if fresh = append(fresh, v); err != nil {
			s.exchange(fresh, s.volumes) // the context has ended: what there was is still good
			return err
		}
		s.save(v, i < len(list)-1 || v.file.gz)
	}
	if len(list) > 0 && (len(s.volumes) == 0 || s.volumes[0].file.number < list[0].number) {
		err = s.clear(func(name string) bool { return name < indexName(list[0].number) })
	}
	s.exchange(s.volumes, fresh)
	s.ended()
	return err
}

// extended is the volume of f with all its lines. Where f was compressed since it was listed, it is that of the compressed segment: the
// lines behind it are not told before its own. The error is that of the context.
func (s *Searcher) extended(ctx context.Context, f segmentFile, closed bool) (*volume, error) {
	v, err := s.volumeOf(ctx, f)
	if err == nil {
		err = v.extend(ctx, f, closed, &s.pass)
	}
	if err != nil || f.gz || !errors.Is(v.fault, os.ErrNotExist) {
		return v, err
	}
	f.path, f.gz = f.path+".gz", true
	info, failed := os.Lstat(f.path)
	if failed != nil {
		return v, nil
	}
	f.size = info.Size()
	return s.extended(ctx, f, closed)
}

// exchange lets go of the volumes that are not used any more.
func (s *Searcher) exchange(former, now []*volume) {
	for _, v := range former {
		if !slices.Contains(now, v) {
			v.drop(&s.pass)
		}
	}
	s.volumes = now
}

// ended tells the companion that all there is was read.
func (s *Searcher) ended() {
	if s.pass.heard != nil {
		s.pass.heard.Begin()
		s.pass.heard.End(true)
	}
}

// volumeOf is the volume of f as it was, or a new one with what its index file holds. The error is that of the context.
func (s *Searcher) volumeOf(ctx context.Context, f segmentFile) (*volume, error) {
	i, found := slices.BinarySearchFunc(s.volumes, f.number, func(v *volume, number uint64) int { return cmp.Compare(v.file.number, number) })
	if found {
		v := s.volumes[i]
		if v.file.gz == f.gz && v.file.size <= f.size && v.holds(f) {
			return v, nil
		}
		if f.gz && !v.file.gz {
			if ok, err := s.compressed(ctx, v, f); ok || err != nil {
				return v, err
			}
		}
	}
	v := &volume{file: f, index: filepath.Join(s.cfg.Index, indexName(f.number))}
	if s.liars[f.number] {
		return v, nil
	}
	if err := v.load(); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.cfg.Log.Info("an index file is made again", "file", v.index, "cause", err.Error())
	}
	return v, nil
}

// compressed makes the volume of a plain segment that of the compressed one. false: it cannot be, and is made anew.
func (s *Searcher) compressed(ctx context.Context, v *volume, f segmentFile) (bool, error) {
	if v.held != nil { // lines that were added at the end; its name is gone
		whole := v.file
		if info, err := v.held.Stat(); err == nil {
			whole.size = info.Size()
		}
		if err := v.extend(ctx, whole, true, &s.pass); err != nil {
			return false, err
		}
	}
	if v.close(&s.pass); len(v.parts) == 0 {
		return false, nil
	}
	file, err := openRegular(f.path)
	if err != nil {
		return false, nil
	}
	defer file.Close()
	if err := v.translate(f, file); err != nil {
		s.cfg.Log.Info("the index of a segment that was compressed is made again", "segment", f.number, "cause", err.Error())
		return false, nil
	}
	return true, nil
}

// forget drops the index of one segment: it lied.
func (s *Searcher) forget(number uint64, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Log.Warn("an index does not fit its segment and is made again", "segment", number, "cause", cause.Error())
	s.exchange(s.volumes, slices.DeleteFunc(slices.Clone(s.volumes), func(v *volume) bool { return v.file.number == number }))
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
