package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"countersign.dev/internal/config"
	"countersign.dev/internal/engines"
)

// maxTried is the largest register whose keys are tried: a copy of it is made for that.
const maxTried = 1 << 30

// checkRegister reads a register from end to end, and reports whether there is one that nobody uses. One that is in use is left
// to whoever uses it.
func checkRegister(ctx context.Context, file string) (idle bool, err error) {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if _, err := os.Lstat(file + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	_, err = engines.CheckFile(ctx, file)
	return err == nil, err
}

// tryKeys opens every sealed value of the register with the keys of the configuration. It works on a copy: to open the register
// itself would bring an older one up to date, under the hands of an older server.
func tryKeys(ctx context.Context, cfg *config.Config, environments []string) (err error) {
	dir, err := os.MkdirTemp("", "countersign-check-") // mode 0700
	if err != nil {
		return fmt.Errorf("try the keys: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	at := place{data: dir, register: engines.Place{File: filepath.Join(dir, "countersign.db")}, config: cfg}
	if copied, err := copyRegister(cfg.RegisterFile(), at.register.File); !copied {
		return err
	}
	r, db, err := at.open(ctx)
	if err != nil {
		return err
	}
	roster, err := r.RosterOf(ctx, environments)
	if roster != nil {
		roster.Wipe()
	}
	return errors.Join(err, db.Close())
}

// copyRegister copies a register that nobody uses; a very large one is not copied.
func copyRegister(from, to string) (copied bool, err error) {
	in, err := openPrivate(from, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || info.Size() > maxTried {
		return false, err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Close())
	return err == nil, err
}
