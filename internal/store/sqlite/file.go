package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"countersign.dev/internal/store"
)

// lockSuffix names the empty file beside the data file that serialises opening.
const lockSuffix = ".lock"

// prepareFiles makes the folder and an empty data file where they are missing, and refuses what is open to others. It
// never opens a file that exists: closing it again would drop the locks that SQLite holds on it for this process.
func prepareFiles(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%w: others may write into the folder %s (mode %04o); run: chmod 700 %s", store.ErrUnsafe, dir, mode.Perm(), dir)
	}
	for _, name := range []string{path, path + lockSuffix} {
		if err := create(name); err != nil {
			return err
		}
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal", path + lockSuffix} {
		if err := checkPrivate(name); err != nil {
			return err
		}
	}
	return nil
}

// create makes an empty private file unless the name is taken, by whatever it may be.
func create(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func checkPrivate(name string) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a regular file; a symbolic link is not followed", store.ErrUnsafe, name)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return fmt.Errorf("%w: the mode %04o of %s lets others in; run: chmod 600 %s", store.ErrUnsafe, info.Mode().Perm(), name, name)
	}
	return nil
}

// connect opens a pool of n connections to an existing file, with further settings of the driver and of SQLite's file names, see connectFed.
func connect(path string, busy time.Duration, n int, settings map[string]string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", fileName(path, busy, settings))
	if err != nil {
		return nil, err
	}
	return sized(pool, n), nil
}

// connectFed is connect for connections that read very many rows.
func connectFed(path string, busy time.Duration, n int, settings map[string]string) (*sql.DB, *feeds, error) {
	feed, err := newFeeds()
	if err != nil {
		return nil, nil, err
	}
	return sized(feed.pool(fileName(path, busy, settings)), n), feed, nil
}

func sized(pool *sql.DB, n int) *sql.DB {
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool
}

// fileName names a file to the driver. Nothing in it changes the file.
func fileName(path string, busy time.Duration, settings map[string]string) string {
	q := url.Values{"mode": {"rw"}}
	for key, value := range settings {
		q.Set(key, value)
	}
	q.Set("_busy_timeout", strconv.FormatInt(max(busy.Milliseconds(), 1), 10))
	q["_pragma"] = []string{"foreign_keys(1)", "synchronous(FULL)", "trusted_schema(0)", "cell_size_check(1)"}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	return name.String()
}

// lock holds the file beside the data file for this process alone. SQLite's own locking of an empty database serves, since
// it works alike on every system and ends with the process.
func lock(ctx context.Context, name string) (release func(), err error) {
	pool, err := connect(name, openPatience, 1, map[string]string{"_txlock": "exclusive"})
	if err != nil {
		return nil, err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the lock %s: %w", name, err), pool.Close())
	}
	return func() {
		_ = tx.Rollback() // nothing was written
		_ = pool.Close()
	}, nil
}
