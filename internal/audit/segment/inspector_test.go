package segment_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"
)

// inspected is a record of three segments, the last of which is open.
func inspected(t *testing.T) (*segment.Inspector, *recordtest.Record, string) {
	t.Helper()
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	first := r.Write(10, false)
	r.Write(10, true)
	r.Write(10, false)
	return segment.NewInspector(nil, dir), r, first
}

func look(t *testing.T, i *segment.Inspector, whole bool, anchors ...checkpoint.Anchor) (segment.Report, int) {
	t.Helper()
	report, read, err := i.Verify(context.Background(), anchors, whole, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report, read
}

// TestAnInspectorSaysWhatVerifySays, the first time and every other time.
func TestAnInspectorSaysWhatVerifySays(t *testing.T) {
	i, r, first := inspected(t)
	for round := range 4 {
		want, err := segment.Verify(r.Dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, read := look(t, i, false)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("round %d: %+v, Verify says %+v", round, got, want)
		}
		if wanted := []int{3, 1, 2, 1}[round]; read != wanted {
			t.Errorf("round %d: %d segments were read, expected %d", round, read, wanted)
		}
		if round == 1 {
			alter(t, first)
		}
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if got, _ := look(t, i, false); got.OK() || got.First != 12 {
		t.Errorf("without the first segment: %+v", got)
	}
}

// alter changes a line of a segment; its size stays, its time goes on.
func alter(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(text), `"status":200`, `"status":204`, 1)), 0o600)
	}
	if err == nil {
		err = os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestANewAnchorIsHeldAgainstAClosedSegment: what was read before the checkpoint was known is read again.
func TestANewAnchorIsHeldAgainstAClosedSegment(t *testing.T) {
	i, r, _ := inspected(t)
	look(t, i, false)
	right := checkpoint.Anchor{Record: checkpoint.Decisions, ID: fmt.Sprintf("%032x", 7), Seq: 5, At: time.Now().UTC()}
	var err error
	if right.Hash, err = segment.ChainAt(nil, r.Dir, 5); err != nil {
		t.Fatal(err)
	}
	if got, read := look(t, i, false, right); !got.OK() || got.Anchored != 5 || read != 2 {
		t.Errorf("a good one: %+v, %d were read", got, read)
	}
	if got, read := look(t, i, false, right); got.Anchored != 5 || read != 1 {
		t.Errorf("the same once more: %+v, %d were read", got, read)
	}
	wrong := right
	wrong.Hash[0] ^= 1
	if got, read := look(t, i, false, wrong); got.OK() || got.Anchored != 0 || read != 2 {
		t.Errorf("another line: %+v, %d were read", got, read)
	}
}

// TestAnInspectionEndsWithItsContext, between two segments, and a disk that cannot be read is an error.
func TestAnInspectionEndsWithItsContext(t *testing.T) {
	i, r, _ := inspected(t)
	stop := errors.New("stop")
	if _, read, err := i.Verify(context.Background(), nil, true, time.Now, func(context.Context, time.Duration) error { return stop }); !errors.Is(err, stop) || read != 1 {
		t.Errorf("%d, %v", read, err)
	}
	over, end := context.WithCancel(context.Background())
	end()
	if _, _, err := i.Verify(over, nil, true, time.Now, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	last := filepath.Join(r.Dir, segment.Name(3))
	if err := os.Remove(last); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", last); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Verify(context.Background(), nil, false, time.Now, nil); err == nil {
		t.Error("a symbolic link was followed")
	}
}
