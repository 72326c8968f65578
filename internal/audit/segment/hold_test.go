package segment_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// TestASegmentIsNotHeldForEver: whoever holds one may be dead, and the disk must not fill for him.
func TestASegmentIsNotHeldForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		var log bytes.Buffer
		cfg := config(disk)
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		cfg.MaxAge, cfg.Keep, cfg.HoldFor = time.Hour, 24*time.Hour, 48*time.Hour
		cfg.Hold = func(uint64, uint64) string { return "a dead stream" }
		w := open(t, cfg)
		w.Record(&audit.Decision{RequestID: "1", Time: time.Now()})
		time.Sleep(2 * time.Hour)
		w.Record(&audit.Decision{RequestID: "2", Time: time.Now()})
		time.Sleep(68 * time.Hour)
		if n := w.Counters().Retired; n != 0 {
			t.Errorf("%d segments were removed while they are to be held", n)
		}
		time.Sleep(8 * time.Hour)
		if n := w.Counters().Retired; n == 0 {
			t.Error("a segment is held for longer than may be")
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if said := log.String(); !strings.Contains(said, "was held for as long as may be, and is removed") || !strings.Contains(said, "a dead stream") {
			t.Errorf("the log says %s", said)
		}
		if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
