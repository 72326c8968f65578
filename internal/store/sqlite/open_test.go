package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
)

func TestRule39FilesOpenToOthersAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	file := filepath.Join(dir, "register.db")
	db := open(t, sqlite.Config{Path: file})
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("expected data file, -wal, -shm and .lock: %v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		for _, mode := range []fs.FileMode{0o640, 0o604, 0o602} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
			refused(t, name[:strings.LastIndex(name, "register.db")+len("register.db")], store.ErrUnsafe, "chmod 600 "+name)
		}
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	refused(t, link, store.ErrUnsafe, "symbolic link")
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	refused(t, file, store.ErrUnsafe, "chmod 700 "+dir)
}

func TestManyOpenOneNewFileAtOnce(t *testing.T) {
	file := path(t)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			db, err := sqlite.Open(context.Background(), sqlite.Config{Path: file, BusyTimeout: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(add(db, fmt.Sprintf("ptn_%d", i), "x"), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := partners(t, open(t, sqlite.Config{Path: file})); n != 6 {
		t.Errorf("%d partners", n)
	}
}

func TestEveryConnectionIsSetUp(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1",
		"busy_timeout": "5000", "trusted_schema": "0", "user_version": "3", "application_id": "1129531214"} {
		if got, err := db.Ask("PRAGMA " + pragma); err != nil || got != want {
			t.Errorf("%s is %s, %v", pragma, got, err)
		}
	}
}

func TestOpenRefusesBadSettings(t *testing.T) {
	for _, cfg := range []sqlite.Config{{}, {Path: path(t), Readers: -1}, {Path: path(t), BusyTimeout: -1}} {
		if _, err := sqlite.Open(context.Background(), cfg); err == nil {
			t.Errorf("%+v: opened", cfg)
		}
	}
}

func TestPathIsTakenAsItIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a b?c=%41#d&mode=memory.db")
	db := open(t, sqlite.Config{Path: file})
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAnotherConnectionSeesAChangeAtOnce(t *testing.T) {
	file := path(t)
	server, cli := open(t, sqlite.Config{Path: file}), open(t, sqlite.Config{Path: file})
	for i := range 5 {
		if err := add([]*sqlite.DB{cli, server}[i%2], fmt.Sprintf("ptn_%d", i), "x"); err != nil {
			t.Fatal(err)
		}
		for _, db := range []*sqlite.DB{server, cli} {
			n, err := db.Revision(context.Background())
			if err != nil || n != uint64(i)+1 || partners(t, db) != i+1 {
				t.Errorf("revision %d after %d changes, %v", n, i+1, err)
			}
		}
	}
}
