package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
)

// bookPlace is one book of checkpoints and whose it is.
type bookPlace struct {
	path  string
	scope string // of the server, for a book of decisions
}

// anchors reads every book. One that is not what was signed is a fault of the records' proof, and told as one; one that cannot
// be read is an error.
func (v *verifyOptions) anchors(at place, records []recordPlace, view *verifyView) (anchorSet, error) {
	set := anchorSet{decisions: map[string][]checkpoint.Anchor{}}
	books, keys, err := v.sources(at, records)
	if err != nil {
		return set, err
	}
	return set, view.readBooks(&set, books, keys)
}

// readBooks reads every book into set. One that is not what was signed is a fault of the proof; one that cannot be read is an error.
func (view *verifyView) readBooks(set *anchorSet, books []bookPlace, keys []checkpoint.Public) error {
	for _, book := range books {
		found, err := checkpoint.ReadBook(nil, book.path, keys...)
		if errors.Is(err, checkpoint.ErrMalformed) || errors.Is(err, checkpoint.ErrSignature) {
			view.fault("%s", err)
			continue
		}
		if err != nil {
			return err
		}
		view.Checkpoints = append(view.Checkpoints, book.path)
		if len(found) > 0 {
			view.begins(book.path, found[0])
		}
		for _, a := range found {
			if a.Record == checkpoint.Changes {
				set.changes = append(set.changes, audit.Anchor{ID: a.ID, Seq: a.Seq, Hash: a.Hash, At: a.At})
			} else {
				set.decisions[book.scope] = append(set.decisions[book.scope], a)
			}
		}
	}
	return nil
}

// sources are the books and the public keys: as the flags say, or as the configuration does.
func (v *verifyOptions) sources(at place, records []recordPlace) ([]bookPlace, []checkpoint.Public, error) {
	paths, files := v.books, v.keys
	if len(paths) == 0 && at.config != nil && at.config.Records.Checkpoints != nil {
		if _, err := os.Stat(at.config.Records.Checkpoints.Dir); err == nil {
			paths = []string{at.config.Records.Checkpoints.Dir}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		if len(files) == 0 {
			files = []string{at.config.Records.Checkpoints.KeyFile + ".pub"}
		}
	}
	if len(paths) == 0 {
		return nil, nil, nil
	}
	if len(files) == 0 {
		return nil, nil, hinted{errors.New("checkpoints prove nothing without their public key"), "name it with --checkpoint-key"}
	}
	keys, err := publicKeys(files)
	if err != nil {
		return nil, nil, err
	}
	var books []bookPlace
	for _, path := range paths {
		found, err := booksIn(path, at, records)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 && len(v.books) > 0 {
			return nil, nil, hinted{fmt.Errorf("no book of checkpoints in %s", path), "name the folder that the server appends to"}
		}
		books = append(books, found...)
	}
	return books, keys, nil
}

func publicKeys(files []string) (keys []checkpoint.Public, err error) {
	for _, file := range files {
		key, err := checkpoint.LoadPublic(nil, file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// booksIn are the books of a folder, those of servers of single environments in folders of their own; or the one book that the
// path is. That one, if of decisions, belongs to the only record that is looked at.
func booksIn(path string, at place, records []recordPlace) ([]bookPlace, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		book := bookPlace{path: path}
		if len(records) > 1 && filepath.Base(path) != checkpoint.FileName(checkpoint.Changes) {
			return nil, hinted{fmt.Errorf("there are %d decision records; whose are the checkpoints in %s?", len(records), path), "choose the server's record with --server"}
		}
		if len(records) == 1 {
			book.scope = records[0].scope
		}
		return []bookPlace{book}, nil
	}
	candidates := []bookPlace{{path: filepath.Join(path, checkpoint.FileName(checkpoint.Changes))}}
	scopes, err := scopesIn(path, at)
	for _, scope := range scopes {
		candidates = append(candidates, bookPlace{filepath.Join(path, scope, checkpoint.FileName(checkpoint.Decisions)), scope})
	}
	var books []bookPlace
	for _, book := range candidates {
		if _, statErr := os.Stat(book.path); statErr == nil {
			books = append(books, book)
		} else if !errors.Is(statErr, fs.ErrNotExist) {
			err = errors.Join(err, statErr)
		}
	}
	return books, err
}

// scopesIn are the servers that have books in a folder: that of every environment, and those of folders within it.
func scopesIn(path string, at place) ([]string, error) {
	scopes := []string{""}
	entries, err := os.ReadDir(path)
	for _, entry := range entries {
		if entry.IsDir() && at.config != nil {
			scopes = append(scopes, entry.Name())
		}
	}
	return scopes, err
}
