package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// put copies the backup beside the register, verifies the copy, renames what is there, and gives the copy its name.
func (r *restoreOptions) put(ctx context.Context, at place, made manifest) (former string, err error) {
	draft := at.register + ".restoring"
	if err := copyFile(ctx, filepath.Join(r.from, backupRegister), draft); err != nil {
		return "", hinted{fmt.Errorf("copy the backup: %w", err), "if no other restore is at work, remove " + draft}
	}
	defer func() {
		if err != nil {
			_ = os.Remove(draft)
		}
	}()
	if err := verifyBackup(ctx, draft, made); err != nil {
		return "", err
	}
	if former, err = setAside(at.register); err != nil {
		return "", err
	}
	if err := os.Rename(draft, at.register); err != nil {
		return former, fmt.Errorf("the register that was there is now %s: %w", former, err)
	}
	return former, syncFolder(filepath.Dir(at.register))
}

// setAside renames a register with the files that belong to it: a log that stayed, even without its register, would be taken
// for the new one's. former is empty where there was no register.
func setAside(register string) (former string, err error) {
	aside := register + ".before-" + strings.ReplaceAll(time.Now().UTC().Format("20060102T150405.000"), ".", "-")
	if exists(register) {
		former = aside
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(register+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("set the register aside: %w", err)
		}
	}
	return former, nil
}

// copyFile copies to a new private file and waits for the disk.
func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, untilDone{ctx, in})
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// syncFolder makes names in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
