package search

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search/recordtest"
)

// generally reads a line as it was read before there was a quick way: by the scanner alone.
func generally(line []byte) (Line, error) {
	var l Line
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	s := scanner{rest: line}
	if len(line) > MaxLine || !s.object(&l) {
		return Line{}, ErrLine
	}
	return l, nil
}

// agree holds Parse against the scanner: the same verdict, and the same of every field.
func agree(t *testing.T, line []byte) (ours bool) {
	t.Helper()
	l := Line{Partner: []byte("left over"), Timed: true}
	ours, err := l.parse(line)
	want, wantErr := generally(line)
	if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(l, want) {
		t.Fatalf("%q\nread as     %+v, %v\nin general  %+v, %v", line, l, err, want, wantErr)
	}
	if ours != (err == nil && new(Line).quick(bytes.TrimSuffix(line, []byte("\n")))) {
		t.Fatalf("%q: spelt as ours: %v", line, ours)
	}
	return ours
}

// writtenLine is a line as the writer makes it, of a decision in which every field is there or not by chance.
func writtenLine(r *recordtest.Record, random *rand.Rand) []byte {
	some := func(texts ...string) string { return append(texts, "")[random.IntN(len(texts)+1)] }
	chance := func() bool { return random.IntN(2) == 0 }
	d := audit.Decision{Time: time.Unix(random.Int64N(4e9), random.Int64N(1e9)), RequestID: fmt.Sprintf("%032x", random.Uint64()),
		Environment: some("production", "sandbox"), API: some("card"), Allowed: chance(), Reason: some("allowed", "replayed"), Where: some("X-Date"),
		Status: random.IntN(600), Method: some("GET", "POST"), Path: some("/a", "/b%20/c", "/quote\"", "/ü", "/<x>"), Query: some("a=b"), Protocol: some("HTTP/1.1"),
		Door: some("nginx"), Partner: some("ptn_1"), Credential: some("crd_1"), Version: random.IntN(3), Proved: chance(), Country: some("DE"),
		Derivation: some("a hop"), Other: some("sandbox"), Cause: some("dial: refused"), Duration: time.Duration(random.Int64N(1e10)),
		BytesIn: random.Int64N(3), BytesOut: random.Int64N(1e17), Timed: chance(), Lead: time.Duration(random.Int64N(1e12) - 5e11), Shadow: some("ok", "stale")}
	if chance() {
		d.Address, d.Peer = netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.0.2.1")
	}
	if random.IntN(4) == 0 {
		d.Skew, d.Warnings, d.Tried, d.ShadowProfile = -7*time.Second, []string{"old", `a"b`}, []uint16{3, 1}, "next"
	}
	return r.Close(d.AppendOpen(nil, audit.Form{Admit: random.IntN(5) == 0, Digest: []byte("00ff"), Plain: chance()}))
}

// TestTheQuickWayReadsWhatTheGeneralOneReads: of lines of the writer, whole, with one byte changed, cut, and with two fields exchanged.
func TestTheQuickWayReadsWhatTheGeneralOneReads(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	r := recordtest.New(t, t.TempDir())
	const spoils = "0a9f-{},: \"\\\x00\x1f\xff"
	for range 5000 {
		line := writtenLine(r, random)
		if !agree(t, line) && !bytes.ContainsAny(line, `\[`) {
			t.Fatalf("%q goes the long way, without an escape or a list in it", line)
		}
		spoilt := bytes.Clone(line)
		spoilt[random.IntN(len(spoilt))] = spoils[random.IntN(len(spoils))]
		agree(t, spoilt)
		agree(t, line[:random.IntN(len(line))])
		fields := bytes.Split(line, []byte(`,"`))
		i, j := random.IntN(len(fields)), random.IntN(len(fields))
		fields[i], fields[j] = fields[j], fields[i]
		agree(t, bytes.Join(fields, []byte(`,"`)))
		fields[i] = fields[j]
		agree(t, bytes.Join(fields, []byte(`,"`)))
	}
	for range 500 {
		if !agree(t, r.Decision()) {
			t.Fatal("a line of an earlier version goes the long way")
		}
	}
}

// TestTheQuickWayKnowsTheCalendar: every day of eight hundred years, and those that are none.
func TestTheQuickWayKnowsTheCalendar(t *testing.T) {
	for _, from := range []int{2, 1850, 9900} {
		for day := time.Date(from, 1, 1, 23, 59, 58, 999_999_000, time.UTC); day.Year() < min(from+420, 10000); day = day.AddDate(0, 0, 1) {
			text := day.Format("2006-01-02T15:04:05.000000Z")
			if got, ok := writtenInstant([]byte(text)); !ok || got != day {
				t.Fatalf("%s is read as %v, %v", text, got, ok)
			}
		}
	}
	for _, text := range []string{"2026-02-29T00:00:00.000000Z", "2100-02-29T00:00:00.000000Z", "2026-06-31T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z",
		"2026-00-01T00:00:00.000000Z", "2026-01-00T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z", "2026-01-01T00:60:00.000000Z",
		"2026-01-01T00:00:60.000000Z", "2026-01-01T00:00:00.0000:0Z", "2026-01-01T00:00:00.00000/Z", "2026-01-01 00:00:00.000000Z", "2026-01-01T00:00:00.000000z"} {
		if got, ok := writtenInstant([]byte(text)); ok {
			t.Errorf("%s is read as %v", text, got)
		}
		if at := instant([]byte(text)); at != (time.Time{}) && text[10] == 'T' && text[26] == 'Z' {
			t.Errorf("%s is no time in general, and is read as %v", text, at)
		}
	}
}

// TestHexadecimalDigitsAreFoundEightAtATime: each byte at each place.
func TestHexadecimalDigitsAreFoundEightAtATime(t *testing.T) {
	for at := range 16 {
		for c := range 256 {
			text := []byte("09afbc5e77d0182f")
			text[at] = byte(c)
			if got, want := lowerHex(text), c >= '0' && c <= '9' || c >= 'a' && c <= 'f'; got != want {
				t.Fatalf("%q: %v", text, got)
			}
		}
	}
}

// FuzzTheQuickWay: whatever it accepts, the scanner accepts and reads alike; and what it accepts is JSON.
func FuzzTheQuickWay(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 9))
	r := recordtest.New(f, f.TempDir())
	for range 20 {
		f.Add(writtenLine(r, random))
		f.Add(r.Decision())
	}
	f.Add(r.Header())
	f.Fuzz(func(t *testing.T, line []byte) {
		if agree(t, line) && !json.Valid(line) {
			t.Errorf("%q is not JSON", line)
		}
	})
}
