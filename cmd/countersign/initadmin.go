package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/registry"
)

// noAdmin is the word for no operators' plane.
const noAdmin = "off"

// firstAdmin makes the one-time link of the first admin: there is no password that anybody could know before. The register keeps
// the link's hash; what is printed is the only copy.
func (w *initWork) firstAdmin(ctx context.Context) error {
	if w.cfg.Admin == nil {
		return nil
	}
	r, db, err := openStore(ctx, engines.PlaceOf(w.cfg), false, registry.Config{RingOf: func(string) registry.Sealer { return nil }})
	if err != nil {
		return fmt.Errorf("invite the first admin: %w", err)
	}
	invited, err := r.InviteFirst(ctx, localActor())
	if err == nil {
		err = w.beginBook(ctx, r)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("invite the first admin: %w", err)
	}
	w.link = signin.Link(w.planeURL(), string(invited.Token.Bytes()))
	invited.Token.Zero()
	return nil
}

// beginBook signs the invitation as the first entry of a new book, so that the first start of the server finds no change that
// nobody vouches for. A book that is there already is the server's to judge.
func (w *initWork) beginBook(ctx context.Context, r *registry.Registry) error {
	cfg := w.cfg.Records.Checkpoints
	if _, err := os.Lstat(filepath.Join(cfg.Dir, checkpoint.FileName(checkpoint.Changes))); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	signer, err := checkpoint.LoadKey(nil, cfg.KeyFile)
	if err != nil {
		return err
	}
	book, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: cfg.Dir, Record: checkpoint.Changes, Signer: signer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return book.Add(func() (checkpoint.Anchor, error) {
		head, err := r.Head(ctx)
		return checkpoint.Anchor{Record: checkpoint.Changes, ID: head.Record, Seq: head.Seq, Hash: head.Hash, At: clock().UTC()}, err
	})
}

// planeURL is where the plane is found once the server runs.
func (w *initWork) planeURL() string {
	_, port, _ := net.SplitHostPort(w.cfg.Admin.Listen) // the configuration has been judged
	return "http://localhost:" + port
}

// sayAdmin tells how the first admin gets in.
func (w *initWork) sayAdmin(text *strings.Builder) {
	if w.link == "" {
		return
	}
	fmt.Fprintf(text, `
THE FIRST ADMIN signs in with this link: once, within 24 hours, in a browser on this machine, while the server runs. It is kept
nowhere else, and whoever opens it first is the admin. Lost or late: countersign account first-link makes another one.
  %s
`, w.link)
}
