package secret_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/secret"
)

// newKeyFile makes a key file with one key and returns its id.
func newKeyFile(t *testing.T) (secret.KeyFile, uint32) {
	t.Helper()
	file := secret.KeyFile{Path: filepath.Join(t.TempDir(), "keys"), Create: true, Rand: rand.Reader}
	held, err := file.Keys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return file, held[0].ID
}

func ids(t *testing.T, file secret.KeyFile) (out []uint32) {
	t.Helper()
	held, err := file.Keys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range held {
		out = append(out, key.ID)
	}
	return out
}

func unused(context.Context) (map[uint32]int, error) { return nil, nil }

func TestAKeyIsAddedAndTheOldOnesStay(t *testing.T) {
	ctx := context.Background()
	file, first := newKeyFile(t)
	if err := os.Chmod(file.Path, 0o400); err != nil {
		t.Fatal(err)
	}
	before, err := file.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := file.Add(ctx)
	if err != nil {
		t.Fatal(err)
	}
	after, err := file.Keys(ctx)
	if err != nil || len(after) != 2 || after[0].ID != first || after[1].ID != second || !after[0].Bytes.Equal(before[0].Bytes) ||
		after[1].Bytes.Equal(before[0].Bytes) {
		t.Errorf("%v, %v", ids(t, file), err)
	}
	if info, err := os.Stat(file.Path); err != nil || info.Mode() != 0o400 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file.Path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := file.Retire(ctx, first, unused); err != nil {
		t.Fatal(err)
	}
	if left := ids(t, file); len(left) != 1 || left[0] != second {
		t.Errorf("%v", left)
	}
}

func TestAKeyThatIsNeededIsNotRetired(t *testing.T) {
	ctx := context.Background()
	file, first := newKeyFile(t)
	if err := file.Retire(ctx, first, unused); !errors.Is(err, secret.ErrKeyInUse) {
		t.Errorf("the only one: %v", err)
	}
	second, err := file.Add(ctx)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the register cannot be read")
	for name, test := range map[string]struct {
		id    uint32
		inUse func(context.Context) (map[uint32]int, error)
		want  error
	}{
		"the newest":     {second, unused, secret.ErrKeyInUse},
		"one in use":     {first, func(context.Context) (map[uint32]int, error) { return map[uint32]int{first: 1}, nil }, secret.ErrKeyInUse},
		"an unknown one": {first ^ second, unused, secret.ErrKeyFile},
		"nobody knows":   {first, func(context.Context) (map[uint32]int, error) { return nil, broken }, broken},
	} {
		if err := file.Retire(ctx, test.id, test.inUse); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left := ids(t, file); len(left) != 2 {
			t.Errorf("%s: %v", name, left)
		}
	}
}

func TestRule39AKeyFileIsChangedOnlyAsItMayBeRead(t *testing.T) {
	ctx := context.Background()
	file, _ := newKeyFile(t)
	content, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	unchanged := func(name string, want error) {
		t.Helper()
		if _, err := file.Add(ctx); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(file.Path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(file.Path)); err != nil || len(entries) > 2 {
			t.Errorf("%s: left behind: %v, %v", name, entries, err)
		}
	}
	if err := os.Chmod(file.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	unchanged("readable by others", secret.ErrKeyFile)
	if err := os.Chmod(file.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	link := file.Path + ".link"
	if err := os.Symlink(file.Path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := (secret.KeyFile{Path: link, Rand: rand.Reader}).Add(ctx); !errors.Is(err, secret.ErrKeyFile) {
		t.Errorf("a link: %v", err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file.Path+".new", nil, 0o600); err != nil { // somebody is at it
		t.Fatal(err)
	}
	unchanged("being changed", secret.ErrKeyChanged)
	if err := os.Remove(file.Path + ".new"); err != nil {
		t.Fatal(err)
	}
	file.Rand = strings.NewReader("too short")
	unchanged("without randomness", secret.ErrRandom)
	file.Rand = nil
	unchanged("without a source", secret.ErrRandom)
	missing := secret.KeyFile{Path: file.Path + "2", Create: true, Rand: rand.Reader}
	if _, err := missing.Add(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	content = []byte("countersign key ring 1\nrubbish\n")
	if err := os.WriteFile(file.Path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file.Rand = rand.Reader
	unchanged("damaged", secret.ErrKeyFile)
}

// No key is lost, however many change the file at once: each of them adds one, or says that it did not.
func TestParallelChangesLoseNoKey(t *testing.T) {
	file, first := newKeyFile(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	added := map[uint32]bool{first: true}
	for range 8 {
		all.Go(func() {
			id, err := file.Add(context.Background())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				added[id] = true
			case !errors.Is(err, secret.ErrKeyChanged):
				t.Error(err)
			}
		})
	}
	all.Wait()
	held := ids(t, file)
	for _, id := range held {
		delete(added, id)
	}
	if len(added) != 0 || len(held) < 2 {
		t.Errorf("lost: %v of %v", added, held)
	}
}

// changing is a source whose keys change.
type changing struct {
	held []secret.Key
	err  error
	read int
}

func (c *changing) Keys(context.Context) ([]secret.Key, error) {
	c.read++
	return c.held, c.err
}

func TestARingTakesUpAKeyThatItMeets(t *testing.T) {
	ctx := context.Background()
	source := &changing{held: []secret.Key{key(1, 1)}}
	old, err := secret.OpenRing(ctx, source, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	row := secret.Row("x")
	before, err := old.Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	after, err := ring(t, key(1, 1), key(2, 2)).Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Open(row, after); !errors.Is(err, secret.ErrUnknownKey) || source.read != 2 {
		t.Errorf("a key that is nowhere: %v after %d readings", err, source.read)
	}
	source.held = append(source.held, key(2, 2))
	for _, sealed := range [][]byte{before, after, after} {
		if got, err := old.Open(row, sealed); err != nil || string(got.Bytes()) != plain {
			t.Error(err)
		}
	}
	if source.read != 3 || old.Newest() != 2 {
		t.Errorf("%d readings, newest %d", source.read, old.Newest())
	}
	source.err = errors.New("gone")
	foreign, err := ring(t, key(3, 3)).Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Open(row, foreign); !errors.Is(err, secret.ErrUnknownKey) || !errors.Is(err, source.err) {
		t.Errorf("a source that cannot be read: %v", err)
	}
	if err := old.Reload(ctx); !errors.Is(err, source.err) {
		t.Error(err)
	}
	for name, held := range map[string][]secret.Key{"none": nil, "doubled": {key(2, 2), key(2, 3)}, "short": {{ID: 9, Bytes: secret.NewValue([]byte("short"))}}} {
		source.held, source.err = held, nil
		if err := old.Reload(ctx); !errors.Is(err, secret.ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := old.Open(row, before); err != nil || string(got.Bytes()) != plain || old.Newest() != 2 {
		t.Errorf("a bad reading spoiled the ring: %v", err)
	}
	source.held = []secret.Key{key(2, 2)} // retired
	if err := old.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Open(row, before); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("a retired key opens: %v", err)
	}
}
