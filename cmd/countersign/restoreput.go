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

	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
)

// put copies the backup beside the register, verifies the copy, writes into it that it is a restored one, renames what is
// there, and gives the copy its name: no moment has a restored register whose record does not say so.
func (r *restoreOptions) put(ctx context.Context, at place, made manifest) (former string, err error) {
	draft := at.register.File + ".restoring"
	if err := r.draw(ctx, draft, made); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, sweepDraft(draft, err != nil)) }()
	if former, err = setAside(at.register.File); err != nil {
		return "", err
	}
	if err := os.Rename(draft, at.register.File); err != nil {
		return former, fmt.Errorf("the register that was there is now %s: %w", former, err)
	}
	return former, syncFolder(filepath.Dir(at.register.File))
}

// draw makes a draft of the register: a verified copy of the backup, on the disk, whose record of changes says that it was restored. Where
// it cannot be made nothing of it is left.
func (r *restoreOptions) draw(ctx context.Context, draft string, made manifest) (err error) {
	if err := copyFile(ctx, filepath.Join(r.from, backupRegister), draft); err != nil {
		return hinted{fmt.Errorf("copy the backup: %w", err), "if no other restore is at work, remove " + draft}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sweepDraft(draft, true))
		}
	}()
	if err := sweepDraft(draft, false); err != nil { // of a restore that was killed
		return err
	}
	if err := r.verify(ctx, draft, made); err != nil {
		return fmt.Errorf("the backup is not usable, nothing was changed: %w", err)
	}
	return noteRestored(ctx, draft, made)
}

// sweepDraft removes what the engine keeps beside a draft, and the draft itself where it is of no use.
func sweepDraft(draft string, whole bool) error {
	names := []string{draft + "-wal", draft + "-shm", draft + ".lock"}
	if whole {
		names = append(names, draft)
	}
	var failures []error
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// noteRestored writes into the draft's record of changes where it comes from, and leaves the draft as one whole file.
func noteRestored(ctx context.Context, draft string, made manifest) error {
	whole, err := filepath.Abs(draft)
	if err != nil {
		return err
	}
	r, db, err := openStore(ctx, engines.Place{File: whole}, false, registry.Config{RingOf: func(string) registry.Sealer { return nil }})
	if err != nil {
		return err
	}
	err = errors.Join(r.NoteRestored(ctx, localActor(), made.MadeAt, made.Revision), db.Close())
	if err == nil && exists(draft+"-wal") {
		err = errors.New("a part of it is in another file still")
	}
	if err != nil {
		return fmt.Errorf("record that the register is restored: %w", err)
	}
	return nil
}

// setAside renames a register with the files that belong to it: a log that stayed, even without its register, would be taken
// for the new one's. former is empty where there was no register.
func setAside(register string) (former string, err error) {
	aside := register + ".before-" + strings.ReplaceAll(clock().UTC().Format("20060102T150405.000"), ".", "-")
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

// copiedAtOnce is how much of a file is copied before it is asked whether there is still somebody who waits for it.
const copiedAtOnce = 64 << 20

// copyFile copies to a new private file. Nobody waits for the disk.
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
	for err == nil {
		if _, err = io.CopyN(out, in, copiedAtOnce); err == nil { // which lets the system copy from file to file
			err = ctx.Err()
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, out.Close()); err != nil {
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

// syncFile waits until a file is on the disk. Some systems do this only for whoever may write it.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
