package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/config"
)

// checkBooks opens the books of checkpoints that are there as a server would: each has to end with a statement of the key.
func checkBooks(cfg *config.Config, signer *checkpoint.Signer) error {
	dir := cfg.Records.Checkpoints.Dir
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	books, err := booksIn(dir, placeIn(cfg), nil)
	if err != nil {
		return err
	}
	for _, book := range books {
		record := strings.TrimSuffix(filepath.Base(book.path), checkpoint.FileName(""))
		if _, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: filepath.Dir(book.path), Record: record, Signer: signer, Log: discard()}); err != nil {
			return err
		}
	}
	return nil
}
