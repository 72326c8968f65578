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

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
)

// A backup that is taken while others write holds one moment of the register: as many partners as changes, all of them the
// first ones, and a chain that ends where the live one was at that number.
func TestABackupIsOneMomentWhileOthersWrite(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	name := func(i int) string { return fmt.Sprintf("ptn_%06d", i) }
	written := 0
	write := func() {
		if err := add(db, name(written), strings.Repeat("n", 500)); err != nil {
			t.Error(err)
		}
		written++
	}
	for range 50 {
		write()
	}
	stop, running := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for ; ; write() {
			select {
			case <-stop:
				return
			case running <- struct{}{}:
			default:
			}
		}
	})
	end := sync.OnceFunc(func() {
		close(stop)
		all.Wait()
	})
	defer end()
	for range 3 {
		<-running // a change is under way, and others follow
		file := filepath.Join(t.TempDir(), "backup.db")
		info, err := db.Backup(context.Background(), file)
		if err != nil {
			t.Fatal(err)
		}
		restored := filepath.Join(t.TempDir(), "register.db")
		if err := os.Rename(file, restored); err != nil {
			t.Fatal(err)
		}
		again := open(t, sqlite.Config{Path: restored})
		report := verified(t, again)
		if report.Last != info.Report.Last || report.Last < 50 || partners(t, again) != int(report.Last) || info.Version != 3 {
			t.Errorf("%d partners, %+v and %+v", partners(t, again), report, info)
		}
		mine, theirs := changeAt(t, again, report.Last), changeAt(t, db, report.Last)
		if mine.Hash != theirs.Hash || mine.Hash == ([32]byte{}) {
			t.Error("the backup's chain is another one")
		}
		if err := add(again, "ptn_x", "after the restoration"); err != nil {
			t.Error(err)
		}
		verified(t, again)
	}
	end()
	if n := partners(t, db); n != written {
		t.Errorf("%d of %d changes", n, written)
	}
	verified(t, db)
}

func changeAt(t *testing.T, db *sqlite.DB, seq uint64) (c audit.Change) {
	t.Helper()
	err := db.View(context.Background(), func(tx *sqlite.Tx) error {
		list, err := tx.Changes(seq-1, 1)
		if len(list) == 1 {
			c = list[0]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRule39ABackupIsPrivateAndReplacesNothing(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.db")
	if _, err := db.Backup(context.Background(), file); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{file, filepath.Join(dir, "link"), dir} {
		if _, err := db.Backup(context.Background(), taken); !errors.Is(err, fs.ErrExist) {
			t.Errorf("onto %s: %v", taken, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := db.Backup(ended, filepath.Join(dir, "never")); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if _, err := db.Backup(context.Background(), filepath.Join(dir, "no", "such", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nowhere: %v", err)
	}
	after, err := os.ReadFile(file)
	if err != nil || string(after) != string(before) {
		t.Errorf("the backup was changed, %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("something is left behind: %v, %v", entries, err)
	}
}

// A register whose record does not fit it is not backed up as if it were sound.
func TestABackupOfAManipulatedRegisterFails(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("UPDATE partner SET name = 'mallory'"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	info, err := db.Backup(context.Background(), file)
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "partner/ptn_a") {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

func TestCheckFileTellsGoodFromBad(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	db := open(t, sqlite.Config{Path: path(t)})
	for i := range 100 {
		if err := add(db, fmt.Sprintf("ptn_%03d", i), strings.Repeat("n", 200)); err != nil {
			t.Fatal(err)
		}
	}
	good := filepath.Join(dir, "good")
	if _, err := db.Backup(ctx, good); err != nil {
		t.Fatal(err)
	}
	if info, err := sqlite.CheckFile(ctx, good); err != nil || info.Report.Last != 100 || info.Report.Rows != 100 || info.Version != 3 {
		t.Errorf("a good one: %+v, %v", info, err)
	}
	if info, err := sqlite.CheckFile(ctx, version1(t, populated...)); err != nil || info.Version != 1 || info.Report.Last != 3 {
		t.Errorf("one of version 1: %+v, %v", info, err)
	}
	if info, err := sqlite.CheckFile(ctx, version2(t)); err != nil || info.Version != 2 || info.Report.Last != 4 || info.Report.Rows != 4 {
		t.Errorf("one of version 2: %+v, %v", info, err)
	}
	sound, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	torn := append([]byte(nil), sound...)
	copy(torn[len(torn)-4096:], "damagedamagedamage")
	with := func(name string, statements ...string) string {
		name = file(name, sound)
		db := raw(t, name)
		exec(t, db, statements...)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return name
	}
	loose := file("loose", sound)
	if err := os.Chmod(loose, 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	used := file("used", sound)
	file("used-wal", []byte("x"))
	for name, want := range map[string]error{
		filepath.Join(dir, "missing"): fs.ErrNotExist,
		file("empty", nil):            store.ErrForeign,
		file("text", []byte(strings.Repeat("not a database\n", 400))):                                                     store.ErrForeign,
		file("cut", sound[:len(sound)/2]):                                                                                 store.ErrCorrupt,
		file("torn", torn):                                                                                                store.ErrCorrupt,
		with("newer", "PRAGMA user_version = 999"):                                                                        store.ErrForeign,
		with("foreign", "PRAGMA application_id = 7"):                                                                      store.ErrForeign,
		with("changed", "UPDATE partner SET closed = 1 WHERE id = 'ptn_007'"):                                             store.ErrCorrupt,
		with("orphaned", "INSERT INTO review VALUES ('ptn_none', 'sandbox', 'requested', 'a', '', 1, '')"):                store.ErrCorrupt,
		with("shortened", "DROP TRIGGER change_stays", "DELETE FROM change WHERE seq = 100"):                              store.ErrCorrupt,
		with("downgraded", "PRAGMA user_version = 1", "UPDATE partner SET closed = 1"):                                    store.ErrForeign,
		with("undocumented", "PRAGMA user_version = 2", "DELETE FROM document"):                                           store.ErrForeign,
		with("planted", "CREATE TRIGGER planted AFTER INSERT ON review BEGIN UPDATE review SET state = 'suspended'; END"): store.ErrCorrupt,
		with("viewed", "CREATE VIEW planted AS SELECT 1"):                                                                 store.ErrCorrupt,
		loose: store.ErrUnsafe,
		link:  store.ErrUnsafe,
		used:  store.ErrForeign,
	} {
		before, _ := os.ReadFile(name)
		if info, err := sqlite.CheckFile(ctx, name); !errors.Is(err, want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %+v, %v", filepath.Base(name), info, err)
		}
		if after, _ := os.ReadFile(name); string(after) != string(before) {
			t.Errorf("%s was changed", filepath.Base(name))
		}
	}
}

// A commit for which the disk has no room keeps neither the rows nor their change rows, however far it came.
func TestAFullDiskTakesManyRowsBackAtOnce(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	pages, err := db.Ask("PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("PRAGMA max_page_count = " + pages); err != nil {
		t.Fatal(err)
	}
	for _, many := range []int{10, 30, 100, 300} {
		err = db.Update(context.Background(), func(tx *sqlite.Tx) error {
			for i := range many {
				p := partner.Partner{ID: fmt.Sprintf("ptn_%03d", i), Name: strings.Repeat("n", 2000), CreatedAt: time.Unix(1, 0)}
				if err := errors.Join(tx.PutPartner(p), tx.Record(change)); err != nil {
					return err
				}
			}
			return nil
		})
		if n := partners(t, db); !errors.Is(err, store.ErrFull) || n != 1 {
			t.Errorf("%d rows: %d partners, %v", many, n, err)
		}
		if report := verified(t, db); report.Last != 1 {
			t.Errorf("%+v", report)
		}
	}
}
