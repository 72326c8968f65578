package memory

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// errGone says that the segment's claims have been forgotten in the meantime:
// whatever belongs there has expired.
var errGone = errors.New("segment has expired")

// segment is one file of the journal and the place where the next record goes.
// Records are written at an explicit offset: one that was torn by a full disk is
// overwritten by the next try, instead of staying in the middle of the file.
type segment struct {
	files  Files
	bucket bucket

	mu     sync.Mutex
	file   File
	offset int64 // 0: not even the header has been written
	frame  frame
	gone   bool
	broken error // a Sync failed: what the disk holds is unknown from then on

	flush   sync.Mutex // taken before mu
	durable int64      // bytes that a Sync has covered
	listed  bool       // the folder's entry is durable as well
}

// create makes the file. The header follows with the first record, so that a
// disk that is full now can be tried again later.
func create(files Files, b bucket) (*segment, error) {
	f, err := files.Create(b.name())
	if err != nil {
		return nil, err
	}
	return &segment{files: files, bucket: b, file: f}, nil
}

// append writes one record and, if durable is asked for, waits until it is on
// the disk. It returns nil only when the record stands in the journal.
func (s *segment) append(key *[32]byte, expires int64, durable bool) error {
	written, err := s.write(key, expires)
	if err != nil || !durable {
		return err
	}
	return s.sync(written)
}

func (s *segment) write(key *[32]byte, expires int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0, errGone
	}
	if s.broken != nil {
		return 0, s.broken
	}
	if s.offset == 0 {
		h := header(s.bucket)
		if err := writeAll(s.file, h[:], 0); err != nil {
			return 0, fmt.Errorf("write %s: %w", s.bucket.name(), err)
		}
		s.offset = headerSize
	}
	record := s.frame.encode(s.bucket, s.offset, key, expires)
	if err := writeAll(s.file, record, s.offset); err != nil {
		return 0, fmt.Errorf("write %s: %w", s.bucket.name(), err)
	}
	s.offset += recordSize
	return s.offset, nil
}

func writeAll(f File, p []byte, offset int64) error {
	n, err := f.WriteAt(p, offset)
	if err == nil && n != len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// sync returns once the first size bytes are durable. Those who wait while one
// flush is under way are usually covered by the next one together.
func (s *segment) sync(size int64) error {
	s.flush.Lock()
	defer s.flush.Unlock()
	if s.durable >= size && s.listed {
		return nil
	}
	covered, err := s.reached()
	if err != nil {
		return err
	}
	if err := s.flushAll(); err != nil {
		return s.breakDown(fmt.Errorf("flush %s: %w", s.bucket.name(), err))
	}
	s.durable = covered
	return nil
}

func (s *segment) reached() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0, errGone
	}
	return s.offset, s.broken
}

// breakDown ends the use of a segment whose flush failed. The kernel may have
// dropped the pages that it could not write: a later flush would succeed and
// prove nothing.
func (s *segment) breakDown(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
	return err
}

func (s *segment) flushAll() error {
	if err := s.file.Sync(); err != nil {
		return err
	}
	if s.listed {
		return nil
	}
	if err := s.files.Sync(); err != nil {
		return err
	}
	s.listed = true
	return nil
}

// close ends the use of the file and keeps it.
func (s *segment) close(durable bool) error {
	s.flush.Lock()
	defer s.flush.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil
	}
	s.gone = true
	if !durable {
		return s.file.Close()
	}
	return errors.Join(s.file.Sync(), s.file.Close())
}
