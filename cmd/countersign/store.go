package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store"
	"github.com/spf13/cobra"
)

// toSQLite is the word for the data folder as the target of a copy.
const toSQLite = "sqlite"

func newStore() *cobra.Command {
	o := new(operator)
	return o.group("store", "Move the register between SQLite and PostgreSQL", "The engine that keeps the register: a file in the data folder, or a PostgreSQL database that many machines share.", newStoreCopy(o))
}

// storeCopy is the flag of `countersign store copy`.
type storeCopy struct{ to string }

func newStoreCopy(o *operator) *cobra.Command {
	work := new(storeCopy)
	c := &cobra.Command{
		Use:   "copy --to URLFILE",
		Short: "Copy the whole register into another engine, and verify it there",
		Long: `Copy the whole register, with its record of changes, into an empty PostgreSQL database, or from a database back into a file. --to
names a file of mode 0600 with the URL of the database on one line, or is the word sqlite for countersign.db in the data folder.

Nothing is a new register afterwards: ids, credentials, sessions and the record with its numbers and hashes are the same, so that
checkpoints that were signed go on. On arrival the record is verified as one chain with the same end as the source's, and every row
against it. The source is not altered. The keys are not copied: every server needs the same key file.

No server may run on the source: on a data folder its locks tell, on a database what its nodes tell of themselves. A target that holds
a change is refused, and so is a copy during which somebody changed the source: empty the target and begin again.
The answer says what to write into the configuration next; nothing is written there.`,
		Example: `  countersign store copy --config /etc/countersign/countersign.yaml --to /etc/countersign/register.url
  countersign store copy --config /etc/countersign/countersign.yaml --to sqlite`,
		Args: cobra.NoArgs,
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
			return advise(work.run(c.Context(), at, out))
		},
	}
	c.Flags().StringVar(&work.to, "to", "", "`URLFILE` of the database, or the word sqlite")
	_ = c.MarkFlagRequired("to")
	_ = c.MarkFlagFilename("to")
	return c
}

// storeCopyView is what a copy came to.
type storeCopyView struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	Record   string         `json:"record"`
	Revision uint64         `json:"revision"`
	Head     string         `json:"head"`
	Counts   engines.Counts `json:"counts"`
	Setting  string         `json:"setting"` // what the configuration has to say from now on
}

func (w *storeCopy) run(ctx context.Context, at place, out *output) error {
	target, err := w.target(at)
	if err != nil {
		return err
	}
	release, err := at.unserved()
	if err != nil {
		return err
	}
	defer release()
	from, err := engines.OpenStore(ctx, engines.StoreConfig{Place: at.register, Convert: converting(at.register, nil)})
	if errors.Is(err, store.ErrMissing) {
		return at.missing(err)
	}
	if err != nil {
		return err
	}
	var made engines.Copied
	if err = nobodyServes(ctx, from, at.register); err == nil {
		made, err = copyTo(ctx, from, target)
	}
	if err == nil { // again: one of another machine may have been started meanwhile
		err = nobodyServes(ctx, from, at.register)
	}
	if err = errors.Join(err, from.Close()); err != nil {
		return hintCopy(err)
	}
	view := storeCopyView{From: at.register.String(), To: target.String(), Record: made.Head.Record, Revision: made.Head.Seq, Head: fmt.Sprintf("%x", made.Head.Hash),
		Counts: made.Counts, Setting: settingOf(target)}
	return out.show(view, "%s", view.text(at))
}

// target is where --to leads.
func (w *storeCopy) target(at place) (engines.Place, error) {
	if w.to == toSQLite {
		if !at.register.Shared() {
			return engines.Place{}, hinted{errors.New("the register is in SQLite already"), "--to wants a file with the URL of a PostgreSQL database; countersign backup makes another file"}
		}
		return engines.Place{File: filepath.Join(at.data, "countersign.db")}, nil
	}
	file, err := filepath.Abs(w.to)
	if err != nil {
		return engines.Place{}, err
	}
	return engines.Place{URLFile: file}, nil
}

// copyTo copies into an empty place and verifies there. A file gets its name when it has been verified.
func copyTo(ctx context.Context, from engines.Store, target engines.Place) (made engines.Copied, err error) {
	if !target.Shared() {
		for _, suffix := range []string{"", "-wal", "-journal"} { // a log that stayed would be taken for the new one's
			if path := target.File + suffix; exists(path) {
				return made, fmt.Errorf("%w: %s is there already", store.ErrForeign, path)
			}
		}
		if _, err := from.Backup(ctx, target.File); err != nil {
			return made, err
		}
	}
	to, err := engines.OpenStore(ctx, engines.StoreConfig{Place: target, Create: target.Shared()})
	if err != nil {
		return made, err
	}
	switch {
	case !target.Shared():
		made, err = arrived(ctx, to, from)
	default:
		if err = nobodyServes(ctx, to, target); err == nil {
			made, err = engines.Copy(ctx, to, from)
		}
	}
	return made, errors.Join(err, to.Close())
}

// arrived verifies a copy that is in place, and that its source has not gone on.
func arrived(ctx context.Context, to, from engines.Store) (engines.Copied, error) {
	made, err := engines.Verify(ctx, to)
	if err != nil {
		return made, err
	}
	now, err := from.Revision(ctx)
	if err == nil && now != made.Head.Seq {
		err = engines.ErrMoved
	}
	return made, err
}

// nobodyServes refuses while a node of any machine decides, or may decide, by a shared register. Servers on a data folder have locks.
func nobodyServes(ctx context.Context, s engines.Store, at engines.Place) error {
	if !s.Shared() {
		return nil
	}
	r, err := engines.RegistryOf(s, registry.Config{Now: clock, Rand: rand.Reader, RingOf: func(string) registry.Sealer { return nil }})
	if err != nil {
		return err
	}
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, one := range nodes.All {
		idle := one.State == registry.NodeStopped || one.State == registry.NodeSilent && one.StopsAt.IsZero()
		if !idle {
			return hinted{fmt.Errorf("%s is served: %s, %s", at, one.Name, one.State), "stop every server on it" + untilItStops(one)}
		}
	}
	return nil
}

// untilItStops says from when on a node that was killed, and could not say goodbye, is nobody any more.
func untilItStops(n registry.Seen) string {
	if n.StopsAt.IsZero() {
		return ""
	}
	return "; one that was killed counts until " + n.StopsAt.UTC().Format(time.RFC3339) + ", when it would have stopped by itself"
}

func hintCopy(err error) error {
	var told hinted
	switch {
	case errors.As(err, &told):
		return err
	case errors.Is(err, engines.ErrMoved):
		return hinted{err, "stop whoever changes it; then empty the target and copy again"}
	case errors.Is(err, store.ErrForeign):
		return hinted{err, "nothing was changed; name an empty database, or move the file that is there away"}
	}
	return err
}

// settingOf is what a configuration says of a place.
func settingOf(at engines.Place) string {
	if at.Shared() {
		return "register: {engine: postgres, url_file: " + at.URLFile + "}"
	}
	return "register: {engine: sqlite}"
}

func (v storeCopyView) text(at place) string {
	var b strings.Builder
	n := v.Counts
	fmt.Fprintf(&b, "copied %s\n    to %s\n", v.From, v.To)
	fmt.Fprintf(&b, "  partners %d, reviews %d, credentials %d, networks %d, limits %d, sealing keys %d, documents %d\n",
		n.Partners, n.Reviews, n.Credentials, n.Networks, n.Limits, n.SealingKeys, n.Documents)
	fmt.Fprintf(&b, "  record %s: %s, head %s\n", v.Record, plural(int(v.Revision), "change"), v.Head)
	b.WriteString("verified there: the record is one chain with the source's end, and every row is the one that its change tells of\n\n")
	file := "the configuration of every server"
	if at.config != nil {
		file = at.config.File
	}
	fmt.Fprintf(&b, "Next, in %s:\n  %s\n", file, v.Setting)
	b.WriteString("then countersign config check, and start the servers. What was copied is still there, and must not be served again")
	if !at.register.Shared() {
		fmt.Fprintf(&b, ":\n  mv %[1]s %[1]s.moved", shellQuote(at.register.File))
	}
	return b.String()
}
