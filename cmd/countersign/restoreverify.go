package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"countersign.dev/internal/atonce"
	"countersign.dev/internal/engines"
)

// sized refuses a backup at a glance whose file cannot be the one of its manifest, before anything is written.
func (r *restoreOptions) sized(made manifest) error {
	file := filepath.Join(r.from, backupRegister)
	info, err := os.Stat(file)
	if err == nil && info.Size() != made.Size {
		err = notWritten(file)
	}
	return err
}

func notWritten(file string) error {
	return fmt.Errorf("%s is not the file that was written: its digest differs from the manifest's", file)
}

// verify proves that the copy of a backup is what the manifest says: its bytes, its pages, its record of changes and every row. It is the
// copy that is verified, and no other file: what counts is what will be served. All of it is read at the same time, while the system
// brings it to the disk, which is waited for.
func (r *restoreOptions) verify(ctx context.Context, draft string, made manifest) error {
	whole, err := filepath.Abs(draft) // the engine would read the first folder of a relative path as the name of a machine
	if err != nil {
		return err
	}
	return atonce.Do(ctx,
		func(ctx context.Context) error {
			digest, size, err := fileDigest(ctx, draft)
			if err == nil && (digest != made.SHA256 || size != made.Size) {
				err = notWritten(filepath.Join(r.from, backupRegister))
			}
			return err
		},
		func(ctx context.Context) error {
			info, err := engines.CheckFile(ctx, whole)
			if err == nil {
				err = made.fits(info)
			}
			return err
		},
		func(context.Context) error { return syncFile(draft) },
	)
}

// fits reports whether a file whose record is sound has the record that the manifest tells of.
func (m manifest) fits(info engines.FileInfo) error {
	if info.Report.Last != m.Revision || info.Report.Record != m.Record {
		return fmt.Errorf("it holds revision %d of record %q, the manifest says %d of %q", info.Report.Last, info.Report.Record, m.Revision, m.Record)
	}
	if head := hex.EncodeToString(info.Head.Hash[:]); info.Version > 1 && m.Revision > 0 && head != m.ChainHead {
		return fmt.Errorf("its record ends with the hash %s, the manifest says %s", head, m.ChainHead)
	}
	return nil
}
