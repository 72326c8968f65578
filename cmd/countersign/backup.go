package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// The files of a backup. The manifest is written last: a folder without one is no backup.
const (
	backupRegister = "countersign.db"
	backupManifest = "manifest.json"
	maxManifest    = 64 << 10
)

// manifest says what a backup holds and what it takes to use it. It has no secret.
type manifest struct {
	Version   int       `json:"version"` // 1
	MadeAt    time.Time `json:"made_at"`
	Record    string    `json:"record"`     // id of the record of changes
	Revision  uint64    `json:"revision"`   // number of the last change
	ChainHead string    `json:"chain_head"` // hash of that change; zeros before the first
	Size      int64     `json:"size"`       // of countersign.db in bytes
	SHA256    string    `json:"sha256"`     // of countersign.db
	KeyIDs    []string  `json:"key_ids"`    // of the key ring: each is needed to open what is sealed in it
}

func newBackup() *cobra.Command {
	o, out := new(operator), ""
	c := &cobra.Command{
		Use:   "backup --out DIR",
		Short: "Copy the register as it is at one moment, while everything goes on",
		Long: `Copy the register as it is at one moment into a new folder, beside a manifest that says what it is: revision, the last hash of
its record of changes, and the file's digest. Servers and commands go on meanwhile. The copy is read back and its record
verified before it gets its name.

The keys are not in it and must not be: whoever has both can read every secret. Keep the key file (master.key, or what the
configuration names) in another place. Decision segments are plain files: copy the closed ones as they are.`,
		Example: "  countersign backup --out /mnt/backup/countersign-2026-11-20",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onDisk(c, func(s *session) error {
				made, err := s.backup(out)
				if err != nil {
					return err
				}
				view := struct {
					Dir string `json:"dir"`
					manifest
				}{out, made}
				takes := fmt.Sprintf("keys are not in it; to use it takes key %v, kept elsewhere", made.KeyIDs)
				if len(made.KeyIDs) == 0 {
					takes = "keys are not in it; nothing in it is sealed yet"
				}
				return s.out.show(view, "%s: revision %d, %d bytes\n%s", out, made.Revision, made.Size, takes)
			})
		},
	}
	o.flags(c)
	c.Flags().StringVar(&out, "out", "", "new folder `DIR` for the backup")
	_ = c.MarkFlagRequired("out")
	_ = c.MarkFlagDirname("out")
	return c
}

// backup makes the folder, which must not be there yet, and takes it away again when it cannot be filled.
func (s *session) backup(dir string) (made manifest, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return made, hinted{fmt.Errorf("make the backup's folder: %w", err), "name a folder that is not there yet, in one that is"}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	keys, err := s.neededKeys(nil)
	if err != nil {
		return made, err
	}
	file := filepath.Join(dir, backupRegister)
	info, err := s.store.Backup(s.ctx, file)
	if err != nil {
		return made, err
	}
	made = manifest{Version: 1, MadeAt: clock().UTC().Truncate(time.Second), Record: info.Report.Record, Revision: info.Report.Last}
	if made.ChainHead, err = s.chainAt(made.Revision); err != nil {
		return made, err
	}
	if made.KeyIDs, err = s.neededKeys(keys); err != nil { // and again: a rotation may be at work
		return made, err
	}
	if made.SHA256, made.Size, err = fileDigest(s.ctx, file); err != nil {
		return made, err
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return made, err
	}
	return made, createFile(filepath.Join(dir, backupManifest), append(text, '\n'), 0o600)
}

// chainAt is the hash of a change; zeros for none.
func (s *session) chainAt(seq uint64) (string, error) {
	var hash [32]byte
	if seq > 0 {
		changes, err := s.Changes(s.ctx, seq-1, 1)
		if err != nil {
			return "", err
		}
		if len(changes) != 1 || changes[0].Seq != seq {
			return "", fmt.Errorf("change %d is missing; countersign audit verify says more", seq)
		}
		hash = changes[0].Hash
	}
	return hex.EncodeToString(hash[:]), nil
}

// neededKeys adds to ids those of the keys with which something is sealed now.
func (s *session) neededKeys(ids []string) ([]string, error) {
	counts, err := s.disk.SealedWith(s.ctx)
	if err != nil {
		return nil, err
	}
	ids = append([]string{}, ids...)
	for id := range counts {
		ids = append(ids, keyName(id))
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// fileDigest reads a whole file; it ends early when ctx does.
func fileDigest(ctx context.Context, path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, untilDone{ctx, f})
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}

// untilDone reads until ctx ends.
type untilDone struct {
	ctx context.Context
	in  io.Reader
}

// Read implements io.Reader.
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.in.Read(p)
}
