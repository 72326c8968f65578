package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// The forms are fixed: registers that exist are hashed with them. The inputs are written out here by hand.
func TestTheFormsOfTheHashesAreFixed(t *testing.T) {
	if got, want := audit.Genesis("00112233445566778899aabbccddeeff"), sha256.Sum256([]byte("countersign change record 1\n00112233445566778899aabbccddeeff")); got != want {
		t.Errorf("genesis %x", got)
	}
	c := audit.Change{Seq: 258, At: time.UnixMicro(1).UTC(), Actor: "operator:alice", Action: audit.NetworkRemoved, Subject: "net_a", Detail: "é",
		Touched: []audit.Touch{{Row: "network/net_a"}, {Row: "x", Digest: [32]byte{1, 31: 2}}}, Prev: [32]byte{0: 0xab, 31: 0xcd}}
	long := func(n byte, text string) string { return "\x00\x00\x00\x00\x00\x00\x00" + string(n) + text }
	input := "countersign change 1\n" + "\xab" + string(make([]byte, 30)) + "\xcd" +
		"\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x00\x00\x00\x00\x00\x00\x01" +
		long(14, "operator:alice") + long(15, "network.removed") + long(5, "net_a") + long(2, "é") +
		"\x00\x00\x00\x00\x00\x00\x00\x02" + long(13, "network/net_a") + string(make([]byte, 32)) +
		long(1, "x") + "\x01" + string(make([]byte, 30)) + "\x02"
	if got, want := audit.ChangeHash(c), sha256.Sum256([]byte(input)); got != want {
		t.Errorf("change hash %x, expected %x", got, want)
	}
	row := "countersign row 1\n" + long(1, "r") + long(1, "a") + long(0, "") + long(2, "bc")
	if got, want := audit.RowDigest("r", []byte("a"), nil, []byte("bc")), sha256.Sum256([]byte(row)); got != want {
		t.Errorf("row digest %x, expected %x", got, want)
	}
	network := audit.TouchNetwork(partner.NetworkRule{ID: "net_a", PartnerID: "ptn_a", Environment: "sandbox", Prefix: netip.MustParsePrefix("10.0.0.0/8"),
		Note: "office", CreatedAt: time.UnixMicro(3)})
	fields := "countersign row 1\n" + long(13, "network/net_a") + long(5, "net_a") + long(5, "ptn_a") + long(7, "sandbox") + long(0, "") +
		long(10, "10.0.0.0/8") + long(0, "") + long(6, "office") + long(8, "\x00\x00\x00\x00\x00\x00\x00\x03")
	if got, want := network.Digest, sha256.Sum256([]byte(fields)); got != want || network.Row != "network/net_a" {
		t.Errorf("network %x", got)
	}
}

func TestEveryFieldOfAChangeIsHashed(t *testing.T) {
	base := good
	base.Touched = []audit.Touch{{Row: "partner/ptn_a", Digest: [32]byte{1}}}
	for name, change := range map[string]func(*audit.Change){
		"seq":               func(c *audit.Change) { c.Seq++ },
		"time":              func(c *audit.Change) { c.At = c.At.Add(time.Microsecond) },
		"actor":             func(c *audit.Change) { c.Actor += "x" },
		"action":            func(c *audit.Change) { c.Action = audit.ReviewClosed },
		"subject":           func(c *audit.Change) { c.Subject += "x" },
		"detail":            func(c *audit.Change) { c.Detail += "x" },
		"a byte moves over": func(c *audit.Change) { c.Subject, c.Detail = c.Subject+c.Detail[:1], c.Detail[1:] },
		"touched name":      func(c *audit.Change) { c.Touched[0].Row += "x" },
		"touched digest":    func(c *audit.Change) { c.Touched[0].Digest[31]++ },
		"touched less":      func(c *audit.Change) { c.Touched = nil },
		"touched more":      func(c *audit.Change) { c.Touched = append(c.Touched, audit.Touch{Row: "x"}) },
		"prev":              func(c *audit.Change) { c.Prev[0]++ },
	} {
		c := base
		c.Touched = append([]audit.Touch(nil), base.Touched...)
		change(&c)
		if audit.ChangeHash(c) == audit.ChangeHash(base) {
			t.Errorf("%s is not hashed", name)
		}
	}
	c := base
	c.Hash[0]++
	if audit.ChangeHash(c) != audit.ChangeHash(base) {
		t.Error("the hash itself is hashed")
	}
}

// TestEveryFieldOfARowIsDigested changes each field by reflection, so that a new one cannot be forgotten.
func TestEveryFieldOfARowIsDigested(t *testing.T) {
	check := func(digest func(any) audit.Touch, v any, unhashed ...string) {
		t.Helper()
		before := digest(v)
		value := reflect.ValueOf(v)
		for i := range value.NumField() {
			name := value.Type().Field(i).Name
			changed := reflect.New(value.Type()).Elem()
			changed.Set(value)
			if !alter(changed.Field(i)) {
				t.Fatalf("%T.%s: the test cannot change it", v, name)
			}
			after := digest(changed.Interface())
			same := before.Digest == after.Digest
			expected := false
			for _, u := range unhashed {
				expected = expected || u == name
			}
			if same != expected {
				t.Errorf("%T.%s: digest the same: %v", v, name, same)
			}
		}
	}
	check(func(v any) audit.Touch { return audit.TouchPartner(v.(partner.Partner)) }, partner.Partner{})
	check(func(v any) audit.Touch { return audit.TouchReview(v.(partner.Review)) }, partner.Review{})
	check(func(v any) audit.Touch { return audit.TouchCredential(v.(partner.Credential)) }, partner.Credential{}, "Failures")
	check(func(v any) audit.Touch { return audit.TouchNetwork(v.(partner.NetworkRule)) }, partner.NetworkRule{})
	check(func(v any) audit.Touch { return audit.TouchLimit(v.(partner.Limit)) }, partner.Limit{})
	check(func(v any) audit.Touch { return audit.TouchSealingKey(v.(partner.SealingKey)) }, partner.SealingKey{}, "Key")
	check(func(v any) audit.Touch {
		return audit.TouchCredential(partner.Credential{Versions: []partner.Version{v.(partner.Version)}})
	}, partner.Version{}, "Secret")
}

func alter(f reflect.Value) bool {
	switch v := f.Addr().Interface().(type) {
	case *time.Time:
		*v = time.UnixMicro(7)
	case *netip.Prefix:
		*v = netip.MustParsePrefix("10.0.0.0/8")
	case *[]partner.Version:
		*v = []partner.Version{{Number: 1}}
	case *[]string:
		*v = []string{""}
	case *[]byte:
		*v = []byte{1}
	case *secret.Value:
		*v = secret.NewValue([]byte{1})
	default:
		return alterPlain(f)
	}
	return true
}

func alterPlain(f reflect.Value) bool {
	switch {
	case f.Kind() == reflect.String:
		f.SetString("x")
	case f.Kind() == reflect.Bool:
		f.SetBool(true)
	case f.CanInt():
		f.SetInt(1)
	case f.CanUint():
		f.SetUint(1)
	default:
		return false
	}
	return true
}

// Neighbouring fields and the lists of a credential cannot run over into each other (security rule 10).
func TestRule10NoTwoRowsShareADigest(t *testing.T) {
	version := func(hashes ...string) (out []partner.Version) {
		for _, h := range hashes {
			out = append(out, partner.Version{Hash: h})
		}
		return out
	}
	seen := map[[32]byte]int{}
	for i, c := range []partner.Credential{
		{}, {ID: "ab"}, {ID: "a", PartnerID: "b"}, {PartnerID: "ab"}, {ClientKeys: []string{"ab"}}, {ClientKeys: []string{"a", "b"}},
		{ClientKeys: []string{""}}, {ClientKeys: []string{"", ""}}, {Login: "a"}, {KeyID: "a"}, {Versions: version("")}, {Versions: version("", "")},
		{Versions: version("a", "b")}, {Versions: version("b", "a")}, {Versions: version("ab")}, {Versions: []partner.Version{{Sealed: []byte("ab")}}},
	} {
		digest := audit.TouchCredential(c).Digest
		if other, doubled := seen[digest]; doubled {
			t.Errorf("%d and %d share a digest", other, i)
		}
		seen[digest] = i
	}
}

func TestTouchedRowsComeBack(t *testing.T) {
	for _, touched := range [][]audit.Touch{nil, {{Row: "a"}}, {{Row: "a", Digest: [32]byte{1}}, {Row: "b/c", Digest: [32]byte{31: 9}}}} {
		stored := audit.FormatTouched(touched)
		got, err := audit.ParseTouched(stored)
		if diff := cmp.Diff(touched, got); diff != "" || err != nil {
			t.Errorf("%v: %s", err, diff)
		}
	}
}

func unfitTouched() map[string][]byte {
	one := audit.FormatTouched([]audit.Touch{{Row: "a"}})
	two := audit.FormatTouched([]audit.Touch{{Row: "b"}})
	return map[string][]byte{
		"a rest":       append(bytes.Clone(one), 0),
		"cut":          one[:len(one)-1],
		"no name":      audit.FormatTouched([]audit.Touch{{}}),
		"a long name":  audit.FormatTouched([]audit.Touch{{Row: string(make([]byte, 1001))}}),
		"a huge one":   append([]byte{255, 255, 255, 255, 255, 255, 255, 255}, one...),
		"out of order": append(bytes.Clone(two), one...),
		"doubled":      append(bytes.Clone(one), one...),
	}
}

func TestUnreadableTouchedRowsAreRefused(t *testing.T) {
	for name, stored := range unfitTouched() {
		if got, err := audit.ParseTouched(stored); !errors.Is(err, audit.ErrTouched) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzParseTouched(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(audit.FormatTouched([]audit.Touch{{Row: "a"}, {Row: "b", Digest: [32]byte{1}}}))
	for _, stored := range unfitTouched() {
		f.Add(stored)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		touched, err := audit.ParseTouched(stored)
		if err != nil {
			return
		}
		if again := audit.FormatTouched(touched); !bytes.Equal(again, stored) {
			t.Errorf("%s has two forms: %s", hex.EncodeToString(stored), hex.EncodeToString(again))
		}
	})
}
