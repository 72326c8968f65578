package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/explain"
)

// Store is the captures of one server. Safe for concurrent use. It has no goroutine and nothing to close: what has expired goes with
// the next call, and at Open.
type Store struct {
	cfg  Config
	mu   sync.Mutex
	kept map[Owner][]entry // the oldest first
	all  int
	asks map[Owner][]time.Time

	running sync.Mutex
}

// entry is one file.
type entry struct {
	id string
	at time.Time
}

// Open reads which captures there are, and removes those that have expired. Files that are none are left alone.
func Open(cfg Config) (*Store, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open captures: %w", err)
	}
	info, err := os.Lstat(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open captures: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("open captures: %s is no folder of mode 0700 (security rule 39)", cfg.Dir)
	}
	s := &Store{cfg: cfg, kept: map[Owner][]entry{}, asks: map[Owner][]time.Time{}}
	files, err := os.ReadDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open captures: %w", err)
	}
	for _, f := range files {
		if o, e, ok := parseName(f.Name()); ok && f.Type().IsRegular() {
			s.kept[o] = append(s.kept[o], e)
			s.all++
		}
	}
	for _, list := range s.kept {
		slices.SortFunc(list, func(a, b entry) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.expire()
}

func fileName(o Owner, e entry) string {
	return strings.Join([]string{o.Environment, o.Credential, strconv.FormatInt(e.at.Unix(), 10), e.id, "capture"}, ".")
}

func parseName(name string) (Owner, entry, bool) {
	p := strings.Split(name, ".")
	if len(p) != 5 || p[4] != "capture" || !isName(p[0]) || !isName(p[1]) || !isID(p[3]) {
		return Owner{}, entry{}, false
	}
	unix, err := strconv.ParseInt(p[2], 10, 64)
	return Owner{p[0], p[1]}, entry{p[3], time.Unix(unix, 0)}, err == nil
}

// expire removes what is over. A file that cannot be removed is an error, and is tried again.
func (s *Store) expire() error {
	now := s.cfg.Clock()
	for o, list := range s.kept {
		for len(list) > 0 && now.Sub(list[0].at) >= s.cfg.Keep {
			if err := s.drop(o, list[0]); err != nil {
				return err
			}
			list = s.kept[o]
		}
	}
	return nil
}

// drop removes one capture, file first.
func (s *Store) drop(o Owner, e entry) error {
	if err := os.Remove(filepath.Join(s.cfg.Dir, fileName(o, e))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a capture: %w", err)
	}
	list := slices.DeleteFunc(slices.Clone(s.kept[o]), func(have entry) bool { return have == e })
	if s.kept[o] = list; len(list) == 0 {
		delete(s.kept, o)
	}
	s.all--
	return nil
}

// Keep stores a refused request. It returns an error that wraps ErrFull where the bounds do not allow it; every other error is one of
// the disk or of the ring. None of them may change the answer to the request.
func (s *Store) Keep(o Owner, r *Request) error {
	if !isName(o.Environment) || !isName(o.Credential) || !isID(r.ID) {
		return errors.New("keep a capture: environment, credential or request id is none")
	}
	plain, err := r.encode()
	if err != nil {
		return fmt.Errorf("keep a capture: %w", err)
	}
	defer clear(plain)
	if len(r.Scheme.Body)+len(r.Scheme.Target) > s.cfg.MaxRequest || len(plain) > 2*s.cfg.MaxRequest+4096 {
		return fmt.Errorf("keep a capture: %w: it has more than %d bytes", ErrFull, s.cfg.MaxRequest)
	}
	e := entry{r.ID, time.Unix(r.At.Unix(), 0)}
	sealed, err := s.cfg.Sealer.Seal(identity(o, e.id, e.at), plain)
	if err != nil {
		return fmt.Errorf("seal a capture: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(o, e, sealed)
}

func (s *Store) put(o Owner, e entry, sealed []byte) error {
	if err := s.expire(); err != nil {
		return err
	}
	list := s.kept[o]
	if slices.ContainsFunc(list, func(have entry) bool { return have.id == e.id }) {
		return fmt.Errorf("keep a capture: %w: the request id is taken", ErrFull)
	}
	switch {
	case len(list) >= s.cfg.PerCredential:
		if err := s.drop(o, list[0]); err != nil {
			return err
		}
	case s.all >= s.cfg.Total:
		return fmt.Errorf("keep a capture: %w", ErrFull)
	}
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, fileName(o, e)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep a capture: %w", err)
	}
	_, err = f.Write(sealed)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep a capture: %w", errors.Join(err, os.Remove(f.Name())))
	}
	s.kept[o] = append(s.kept[o], e)
	slices.SortStableFunc(s.kept[o], func(a, b entry) int { return a.at.Compare(b.at) })
	s.all++
	return nil
}

// Explain explains one capture to its owner, who has proved to be it: the caller of this method has verified a signature of o.Credential
// in o.Environment. q brings profile and secrets as the server has them; Observed is set here. It returns ErrNone or ErrTooOften, or an
// error of the disk or the ring.
func (s *Store) Explain(o Owner, id string, q explain.Question) (*explain.Report, error) {
	e, err := s.find(o, id)
	if err != nil {
		return nil, err
	}
	kept, err := s.read(o, e)
	if err != nil {
		return nil, err
	}
	q.Observed = &explain.Observed{Request: kept.request()}
	q.Tries, q.Bytes = serverTries, serverBytes
	if q.At.IsZero() {
		q.At = e.at
	}
	if !kept.Whole {
		q.Observed.Notes = []string{"the server did not read all of the body"}
	}
	s.running.Lock() // one search at a time: explanations must not take the processors from requests
	defer s.running.Unlock()
	return explain.Run(&q)
}

// find counts the question, and looks for the capture.
func (s *Store) find(o Owner, id string) (entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.expire(); err != nil {
		return entry{}, err
	}
	now := s.cfg.Clock()
	for owner, times := range s.asks {
		recent := slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
		if s.asks[owner] = recent; len(recent) == 0 {
			delete(s.asks, owner)
		}
	}
	if len(s.asks[o]) >= s.cfg.AsksPerMinute {
		return entry{}, ErrTooOften
	}
	s.asks[o] = append(s.asks[o], now)
	for _, e := range s.kept[o] {
		if e.id == id {
			return e, nil
		}
	}
	return entry{}, ErrNone
}

func (s *Store) read(o Owner, e entry) (*stored, error) {
	f, err := os.Open(filepath.Join(s.cfg.Dir, fileName(o, e)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone // it gave way in the meantime
	}
	if err != nil {
		return nil, fmt.Errorf("read a capture: %w", err)
	}
	defer f.Close()
	sealed, err := io.ReadAll(io.LimitReader(f, 4*maxRequest))
	if err != nil {
		return nil, fmt.Errorf("read a capture: %w", err)
	}
	value, err := s.cfg.Sealer.Open(identity(o, e.id, e.at), sealed)
	if err != nil {
		return nil, fmt.Errorf("open a capture: %w", err)
	}
	return decode(value.Bytes())
}
