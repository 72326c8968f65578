package main

import (
	"fmt"
	"os"
	"path/filepath"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/inspect"
)

// bookFor is the book of checkpoints of a record, for its verification in the background.
func (s *server) bookFor(record, scope string) *inspect.Book {
	cfg := s.cfg.Records.Checkpoints // never changes while the server runs
	dir := cfg.Dir
	if record == checkpoint.Decisions {
		dir = filepath.Join(dir, scope)
	}
	path := filepath.Join(dir, checkpoint.FileName(record))
	return &inspect.Book{
		Place: path,
		Text: func() ([]byte, error) {
			text, err := readBook(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", record, err)
			}
			return text, nil
		},
		Keys: func() ([]checkpoint.Public, error) {
			key, err := checkpoint.LoadPublic(nil, cfg.KeyFile+".pub")
			return []checkpoint.Public{key}, err
		},
	}
}

// readBook reads a book whole, within its bound.
func readBook(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxBook {
		err = fmt.Errorf("%s is too long to be read whole", path)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
