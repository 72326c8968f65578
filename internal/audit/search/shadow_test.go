package search_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
)

const proofLine = `{"decision":"refuse","skew_ms":-1500,"tried":[3,1],"shadow":"bad_signature","shadow_profile":"stronger"}`

func TestALineSaysWhatIsKnownOfTheSignature(t *testing.T) {
	var l search.Line
	if err := l.Parse([]byte(proofLine)); err != nil {
		t.Fatal(err)
	}
	if !l.Timed || l.Lead != -1500*time.Millisecond || string(l.Tried) != "[3,1]" || string(l.Shadow) != "bad_signature" || string(l.ShadowProfile) != "stronger" {
		t.Errorf("%+v", l)
	}
	if err := l.Parse([]byte(`{"decision":"allow"}`)); err != nil || l.Timed || l.Lead != 0 || l.Tried != nil || l.Shadow != nil {
		t.Errorf("a line of an earlier version: %+v, %v", l, err)
	}
	for _, text := range []string{`{"decision":"allow","skew_ms":"1"}`, `{"decision":"allow","skew_ms":1,"skew_ms":1}`, `{"decision":"allow","shadow":1}`,
		`{"decision":"allow","tried":[[1]]}`, `{"decision":"allow","skew_ms":999999999999999999}`} {
		if err := l.Parse([]byte(text)); !errors.Is(err, search.ErrLine) {
			t.Errorf("%s is taken: %+v", text, l)
		}
	}
}

// TestShadowResultsAreFound: how many would fail, and which, with an index and without one.
func TestShadowResultsAreFound(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	path := r.Write(300, false)
	for i, shadow := range []string{`"ok"`, `"bad_signature"`, `"missing_header"`, `"ok"`, `"bad_signature"`} {
		recordtest.Append(t, path, r.Close(fmt.Appendf(nil, `{"time":"2026-11-20T08:00:0%d.000000Z","request_id":"s%d","api":"card","decision":"allow","reason":"allowed","status":200,"cause":"ok","shadow":%s,"shadow_profile":"stronger"`, i, i, shadow)))
	}
	s := open(t, dir)
	for wanted, want := range map[string]string{"ok": "s3 s0", "bad_signature": "s4 s1", "missing_header": "s2", search.ShadowFailed: "s4 s2 s1", "bad": ""} {
		for _, scan := range []bool{false, true} {
			page, err := s.Find(context.Background(), search.Query{Shadow: wanted, Scan: scan})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, f := range page.Found {
				ids = append(ids, string(f.Line.RequestID))
			}
			if got := strings.Join(ids, " "); got != want {
				t.Errorf("%s, scan %v: %s, want %s", wanted, scan, got, want)
			}
		}
	}
	if _, err := s.Find(context.Background(), search.Query{Shadow: strings.Repeat("x", 2000)}); !errors.Is(err, search.ErrQuery) {
		t.Error(err)
	}
}

func TestNewColumnsStandAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	path := r.Write(1, false)
	recordtest.Append(t, path, r.Close([]byte(proofLine[:len(proofLine)-1])))
	recordtest.Append(t, path, r.Close([]byte(`{"decision":"allow"`)))
	var out bytes.Buffer
	if _, err := open(t, dir).Export(context.Background(), &out, search.Query{OldestFirst: true}, search.CSV); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := len(rows[0]) - 4
	for i, want := range [][]string{0: {"skew_ms", "tried", "shadow", "shadow_profile"}, 2: {"-1500", "[3,1]", "bad_signature", "stronger"}, 3: {"", "", "", ""}} {
		if got := rows[i][at:]; want != nil && !slices.Equal(got, want) || rows[0][at-1] != "warnings" {
			t.Errorf("row %d ends with %q, want %q", i, got, want)
		}
	}
}
