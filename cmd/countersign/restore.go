package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/secret"
	"github.com/spf13/cobra"
)

// restoreOptions are the flags of `countersign restore`.
type restoreOptions struct {
	from    string
	replace bool
}

func newRestore() *cobra.Command {
	o, r := new(operator), new(restoreOptions)
	c := &cobra.Command{
		Use:   "restore --from DIR",
		Short: "Put a backup of the register in its place",
		Long: `Put a backup of the register in its place, after it has been verified: its digest, its pages, its record of changes against its
manifest and every row, and that the key ring holds the keys which it takes. No server may run on the data folder, and no other
command should: what it changes meanwhile would be in the former register.

A register that is there is left alone, unless --replace is given: then it is renamed, not removed. Into a PostgreSQL database a
backup is put only while that is empty: to replace one, make another database and name it in register.url_file. What was changed
since the backup is not in it: secrets that were rotated count again, and what was revoked since is live. The restore is itself a change,
register.restored, with whoever did it. Checkpoints that were signed since the backup contradict the register from now on, and
nothing more is signed in their book: the answer says which file to move aside before the start, so that a new book begins.
Keep the old one: it is the proof of what the former register held.`,
		Example: "  countersign restore --from /mnt/backup/countersign-2026-11-20 --replace",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.diskOnly(c); err != nil {
				return err
			}
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
			if err != nil {
				return err
			}
			at, err := o.locate()
			if err != nil {
				return err
			}
			return advise(r.run(c, o, at, out))
		},
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&r.from, "from", "", "folder `DIR` that countersign backup made")
	f.BoolVar(&r.replace, "replace", false, "rename the register that is there, and put the backup in its place")
	f.BoolVar(&o.yes, "yes", false, "do it without a question")
	_ = c.MarkFlagRequired("from")
	_ = c.MarkFlagDirname("from")
	return c
}

// restoredView is what a restore came to.
type restoredView struct {
	Register      string `json:"register"`
	Revision      uint64 `json:"revision"`                // of the backup; the restore itself is the next
	Former        string `json:"former,omitempty"`        // where the register that was there is now
	Contradicting string `json:"contradicting,omitempty"` // book of checkpoints that knows changes which are missing now
}

// run looks first whether it may, verifies a copy, and moves last, so that a restore that fails leaves what was there.
func (r *restoreOptions) run(c *cobra.Command, o *operator, at place, out *output) error {
	ctx := c.Context()
	made, err := readManifest(r.from)
	if err != nil {
		return err
	}
	if err := r.sized(made); err != nil {
		return fmt.Errorf("the backup is not usable, nothing was changed: %w", err)
	}
	if err := at.holds(ctx, made.KeyIDs); err != nil {
		return err
	}
	release, err := at.unserved()
	if err != nil {
		return err
	}
	defer release()
	if at.register.Shared() {
		return r.intoDatabase(ctx, at, made, out)
	}
	there := exists(at.register.File)
	if there && !r.replace {
		return hinted{fmt.Errorf("there is a register already: %s", at.register), "add --replace to rename it and put the backup in its place"}
	}
	if there {
		what := fmt.Sprintf("%s is replaced by revision %d of %s", at.register, made.Revision, when(made.MadeAt))
		if err := o.confirm(c, what, "restore"); err != nil {
			return err
		}
	}
	moved, err := r.put(ctx, at, made)
	if err != nil {
		return err
	}
	return showRestored(out, restoredView{at.register.String(), made.Revision, moved, at.outrun(made.Revision)})
}

func showRestored(out *output, view restoredView) error {
	text := fmt.Sprintf("%s: restored, revision %d; its record of changes is one chain\nthe restore itself is change %d", view.Register, view.Revision, view.Revision+1)
	if view.Former != "" {
		text += "\nwhat was there is now " + view.Former
	}
	if view.Contradicting != "" {
		text += fmt.Sprintf("\n%s has signed changes that are not in it; to have it anchored again, move that file aside and keep it:\n  mv %s %s",
			view.Contradicting, shellQuote(view.Contradicting), shellQuote(view.Contradicting+".until-"+clock().UTC().Format("20060102T150405")))
	}
	return out.show(view, "%s", text)
}

// outrun is the book of checkpoints that has signed a change after a revision; empty where none has, or none can be read: the
// server says so then.
func (p place) outrun(revision uint64) string {
	if p.config == nil || p.config.Records.Checkpoints == nil {
		return ""
	}
	path := filepath.Join(p.config.Records.Checkpoints.Dir, checkpoint.FileName(checkpoint.Changes))
	if !exists(path) {
		return ""
	}
	signer, err := checkpoint.LoadKey(nil, p.config.Records.Checkpoints.KeyFile)
	if err != nil {
		return ""
	}
	book, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: p.config.Records.Checkpoints.Dir, Record: checkpoint.Changes, Signer: signer, Log: discard()})
	if err != nil {
		return ""
	}
	if last, ok, err := book.Last(); err != nil || !ok || last.Seq <= revision {
		return ""
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// readManifest reads what backup wrote, strictly.
func readManifest(dir string) (manifest, error) {
	var made manifest
	f, err := os.Open(filepath.Join(dir, backupManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return made, hinted{fmt.Errorf("%s is no whole backup: %w", dir, err), "name the folder that countersign backup made"}
	}
	if err != nil {
		return made, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return made, err
	}
	return parseManifest(text)
}

// parseManifest reads an untrusted manifest.
func parseManifest(text []byte) (manifest, error) {
	var made manifest
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&made)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("more than one value")
	}
	switch {
	case len(text) > maxManifest:
		err = errors.New("too large")
	case err == nil && made.Version != 1:
		err = fmt.Errorf("version %d; this program knows version 1", made.Version)
	case err == nil && (len(made.SHA256) != 64 || len(made.ChainHead) != 64 || made.Size < 1):
		err = errors.New("a digest or the size is missing")
	}
	if err != nil {
		return manifest{}, fmt.Errorf("%s: %w", backupManifest, err)
	}
	return made, nil
}

// holds refuses when the key ring lacks a key that something is sealed with: nothing of it could be opened.
func (p place) holds(ctx context.Context, needed []string) error {
	var held []string
	for _, ring := range p.ringPlaces() {
		keys, err := ring.source.Keys(ctx)
		if errors.Is(err, fs.ErrNotExist) {
			return hinted{fmt.Errorf("read the keys: %w", err), "put the key file back first; it has a backup of its own"}
		}
		if err != nil {
			return err
		}
		for _, key := range keys {
			key.Bytes.Zero()
			held = append(held, keyName(key.ID))
		}
	}
	for _, id := range needed {
		if !slices.Contains(held, id) {
			return hinted{fmt.Errorf("the backup is sealed with key %s, which is in no key file: %w", id, secret.ErrUnknownKey), "put the key file from the time of the backup back first"}
		}
	}
	return nil
}

// unserved takes the locks of every environment, so that no server runs on the data folder and none can start. The folder must
// be the user's own: what another user, even root, puts there the server could not open.
func (p place) unserved() (release func(), err error) {
	folder := p.data
	if err := openFolder(folder); err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	if !ownedByMe(info) {
		return nil, hinted{fmt.Errorf("%s belongs to another user", folder), "run it as the user that the server runs as, for example with sudo -u"}
	}
	names := devEnvironments
	if p.config != nil {
		names = p.config.Names()
	}
	var locks []io.Closer
	release = func() {
		for _, lock := range locks {
			_ = lock.Close()
		}
	}
	for _, name := range names {
		lock, err := lockEnvironment(p.data, name)
		if err != nil {
			release()
			return nil, fmt.Errorf("nothing was changed: %w", err)
		}
		locks = append(locks, lock)
	}
	return release, nil
}
