package secret_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"countersign.dev/internal/secret"
)

type keys []secret.Key

func (k keys) Keys(context.Context) ([]secret.Key, error) { return k, nil }

func key(id uint32, fill byte) secret.Key {
	return secret.Key{ID: id, Bytes: secret.NewValue(bytes.Repeat([]byte{fill}, 32))}
}

func ring(t testing.TB, held ...secret.Key) *secret.Ring {
	t.Helper()
	r, err := secret.OpenRing(context.Background(), keys(held), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRingOpensOnlyInItsOwnRow(t *testing.T) {
	r := ring(t, key(1, 1))
	row := secret.Row("api secret", "sandbox", "crd_a", "1")
	sealed, err := r.Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Open(row, sealed); err != nil || string(got.Bytes()) != plain {
		t.Fatalf("own row: %v", err)
	}
	for name, other := range map[string][]byte{
		"none":              nil,
		"other credential":  secret.Row("api secret", "sandbox", "crd_b", "1"),
		"other version":     secret.Row("api secret", "sandbox", "crd_a", "2"),
		"other environment": secret.Row("api secret", "production", "crd_a", "1"),
		"other purpose":     secret.Row("sealing key", "sandbox", "crd_a", "1"),
		"shifted parts":     secret.Row("api secret", "sandboxcrd_a", "", "1"),
	} {
		if got, err := r.Open(other, sealed); !errors.Is(err, secret.ErrSealed) || !got.IsZero() {
			t.Errorf("%s: opened, or %v", name, err)
		}
	}
}

func TestRingNoticesEveryChangedByte(t *testing.T) {
	r, row := ring(t, key(1, 1), key(2, 2)), secret.Row("x")
	sealed, err := r.Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for _, flip := range []byte{1, 0x80, 3} { // 3 turns key 2 into key 1, which exists
			changed := bytes.Clone(sealed)
			changed[i] ^= flip
			if got, err := r.Open(row, changed); err == nil || !got.IsZero() {
				t.Errorf("byte %d changed by %#x: opened", i, flip)
			}
		}
	}
	for cut := range sealed {
		if _, err := r.Open(row, sealed[:cut]); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	if _, err := r.Open(row, append(bytes.Clone(sealed), 0)); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestRingRotation(t *testing.T) {
	row := secret.Row("x")
	before, err := ring(t, key(1, 1)).Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	both := ring(t, key(1, 1), key(2, 2))
	if _, err := both.Open(row, before); err != nil {
		t.Errorf("an older key must open: %v", err)
	}
	after, err := both.Seal(row, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := secret.ParseSealed(after); err != nil || id != 2 {
		t.Errorf("the newest key seals, this was %d: %v", id, err)
	}
	if _, err := ring(t, key(2, 2)).Open(row, before); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("without the older key: %v", err)
	}
	if _, err := ring(t, key(2, 9)).Open(row, after); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("another key of the same id: %v", err)
	}
}

func TestRingHidesThePlaintextAndNeverRepeats(t *testing.T) {
	r, row := ring(t, key(1, 1)), secret.Row("x")
	seen := map[string]bool{}
	for range 100 {
		sealed, err := r.Seal(row, []byte(plain))
		if err != nil || bytes.Contains(sealed, []byte(plain)) || seen[string(sealed)] {
			t.Fatalf("in clear or repeated: %v", err)
		}
		seen[string(sealed)] = true
	}
	for _, unfit := range [][]byte{nil, {}, make([]byte, 5000)} {
		if _, err := r.Seal(row, unfit); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("%d bytes: %v", len(unfit), err)
		}
	}
}

func TestRule28RingWithoutSoundKeysDoesNotOpen(t *testing.T) {
	for name, source := range map[string]secret.KeySource{
		"nil":       nil,
		"no key":    keys{},
		"id 0":      keys{key(0, 1)},
		"doubled":   keys{key(1, 1), key(1, 2)},
		"short key": keys{{ID: 1, Bytes: secret.NewValue([]byte("short"))}},
		"no bytes":  keys{{ID: 1}},
		"no file":   secret.KeyFile{Path: t.TempDir() + "/none"},
	} {
		if r, err := secret.OpenRing(context.Background(), source, rand.Reader); err == nil || r != nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := secret.OpenRing(context.Background(), keys{key(1, 1)}, nil); err == nil {
		t.Error("without randomness: opened")
	}
}

func TestRule10RowTuplesDoNotRunTogether(t *testing.T) {
	seen := map[string][]string{}
	parts := []string{"", "a", "b", "ab", "aa", "\x01", "\x01a", "\x00"}
	for _, x := range parts {
		for _, y := range parts {
			for _, tuple := range [][]string{{x}, {x, y}, {x, y, "a"}, {"a", x, y}} {
				row := string(secret.Row(tuple...))
				if other, found := seen[row]; found && !equal(other, tuple) {
					t.Fatalf("%q and %q have one identity", other, tuple)
				}
				seen[row] = tuple
			}
		}
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func FuzzOpenSealed(f *testing.F) {
	row := secret.Row("x")
	r, err := secret.OpenRing(context.Background(), keys{key(1, 1), key(2, 2)}, same(7)) // the same seed in every fuzzing process
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := r.Seal(row, []byte(plain))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 2})
	f.Add(bytes.Repeat([]byte{1}, 5000))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := r.Open(row, text)
		if err == nil && !bytes.Equal(text, sealed) {
			t.Errorf("forged: %q", got.Bytes())
		}
		if err != nil && !errors.Is(err, secret.ErrSealed) && !errors.Is(err, secret.ErrUnknownKey) {
			t.Errorf("error without its sentinel: %v", err)
		}
	})
}
