package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"countersign.dev/internal/registry"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"countersign": main,
		"colleague":   colleague,
	})
}

// TestCommandLine runs the scripts of testdata: what a person types and what comes back.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"capture":  capture,
		"mode":     mode,
		"appendto": appendTo,
	}})
}

// capture sets a variable to what the group of an expression matched in the standard output of the command before.
func capture(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: capture NAME EXPRESSION")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("no %s in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// appendTo adds one file to the end of another.
func appendTo(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: appendto FILE MORE")
	}
	more, before := ts.ReadFile(args[1]), ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(before+more), 0o600))
}

// mode checks the permissions of a file.
func mode(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: mode FILE PERMISSIONS")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// colleague is another user of the operating system in the scripts, which run as one: "colleague DIR request-access PARTNER
// ENVIRONMENT" asks for a review as that user, "colleague DIR approve ..." approves it, "colleague DIR register" makes an empty
// register.
func colleague() {
	if err := collaborate(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
}

// registerAt opens the register of a data folder, or the one that a configuration names.
func registerAt(ctx context.Context, where string, do func(*registry.Registry) error) error {
	if filepath.Ext(where) != ".yaml" {
		return withRegister(ctx, where, do)
	}
	at, err := configured(where)
	if err != nil {
		return err
	}
	r, db, err := at.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(r), db.Close())
}

func collaborate(ctx context.Context, args []string) error {
	actor := registry.Actor{Kind: registry.Operator, Name: "colleague"}
	if len(args) == 2 && args[1] == "register" {
		if err := openFolder(args[0]); err != nil {
			return err
		}
		_, db, err := openRegister(ctx, args[0], true)
		if err != nil {
			return err
		}
		return db.Close()
	}
	if len(args) != 4 {
		return errors.New("usage: colleague DIR register | request-access PARTNER ENVIRONMENT | approve PARTNER ENVIRONMENT")
	}
	return registerAt(ctx, args[0], func(r *registry.Registry) error {
		p, err := r.FindPartner(ctx, args[2])
		if err != nil {
			return err
		}
		if args[1] == "approve" {
			return r.Approve(ctx, actor, p.ID, args[3], "looked at by a colleague")
		}
		return r.RequestReview(ctx, actor, p.ID, args[3], "asked for by a colleague")
	})
}
