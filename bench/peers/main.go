//go:build linux

// Command peers measures countersign beside other proxies in one run: nginx (plain and with an HMAC check in njs), HAProxy (plain and with hmac()), Caddy, and
// Go's own reverse proxy. Each terminates TLS with the same certificate before the same backend and gets the same requests, in turns. What counts is the
// processor time of the proxy's processes for a request, with everything that they do afterwards, as a ratio to HAProxy with hmac(), which does the least that an
// authenticating proxy can do.
//
// It installs nothing: peers that are not on the PATH are left out and named. Everything listens on loopback. A peer that claims to check signatures must
// first refuse a forged one, or it is not measured.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "reverse" { // the peer that is this program itself
		if err := reverse(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "peers reverse:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	s, err := newSite(ctx, o)
	if err != nil {
		return err
	}
	defer s.close(o.keep)
	peers, missing := s.peers(o.peers)
	for _, p := range peers {
		if err := s.launch(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := s.prove(p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b := &book{options: o, machine: describe(), missing: missing}
	for _, w := range s.workloads() {
		if !o.only.MatchString(w.name) || w.extra && o.only.String() == "" {
			continue
		}
		t, err := s.measure(ctx, o, w, peers)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		b.tables = append(b.tables, t)
		fmt.Fprintln(os.Stderr, t.text())
	}
	b.peers = peers
	if o.idle > 0 {
		held, err := s.idle(ctx, peers, o.idle)
		if err != nil {
			return err
		}
		b.idle = idleText(held, o.idle)
		fmt.Fprintln(os.Stderr, b.idle)
	}
	if err := b.writeFigures(o.figures); err != nil {
		return err
	}
	if o.write == "" {
		_, err = os.Stdout.WriteString(b.text())
		return err
	}
	return replaceMarked(o.write, b.text())
}

// The marks in the document between which the tables stand.
const (
	beginMark = "<!-- peers: written by `make bench-peers` -->"
	endMark   = "<!-- end of peers -->"
)

// replaceMarked puts text between the marks of a file.
func replaceMarked(path, text string) error {
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(whole), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks %q and %q", path, beginMark, endMark)
	}
	next := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".next")
	if err := os.WriteFile(next, []byte(before+beginMark+"\n\n"+text+"\n"+endMark+after), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
