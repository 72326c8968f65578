package segment_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// small is a record whose queue holds the least that can be set.
func small(disk faultfile.FS, full segment.WhenFull, durability segment.Durability) segment.Config {
	cfg := config(disk)
	cfg.MaxQueue, cfg.WhenFull, cfg.Durability = 64<<10, full, durability
	return cfg
}

// fill records lines of about 1 KiB.
func fill(w *segment.Writer, n int) {
	for range n {
		w.Record(&audit.Decision{Time: time.Now(), Path: strings.Repeat("p", 500), Cause: strings.Repeat("c", 300)})
	}
}

var admitted = audit.Decision{RequestID: "admitted", Allowed: true}

// TestAFullDisk: with each policy and durability. What can be written later is not lost; what found no room is counted, and
// told where it is missing; requests are refused or go on, as was chosen; and all is well again by itself.
func TestAFullDisk(t *testing.T) {
	for name, fault := range map[string]func(*faultfile.Disk, bool){
		"no space left": func(d *faultfile.Disk, on bool) {
			if d.SetRoom(-1); on {
				d.SetRoom(100)
			}
		},
		"read-only": func(d *faultfile.Disk, on bool) { d.SetReadOnly(on) },
		"sync fails": func(d *faultfile.Disk, on bool) {
			if d.FailSync(nil); on {
				d.FailSync(syscall.EIO)
			}
		},
	} {
		for _, full := range []segment.WhenFull{segment.Refuse, segment.TellGap} {
			for _, durability := range []segment.Durability{segment.Buffered, segment.Sync} {
				t.Run(fmt.Sprintf("%s %s %s", name, full, durability), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { fullDisk(t, full, durability, fault) })
				})
			}
		}
	}
}

func fullDisk(t *testing.T, full segment.WhenFull, durability segment.Durability, fault func(*faultfile.Disk, bool)) {
	disk := faultfile.NewDisk()
	w := open(t, small(disk, full, durability))
	fill(w, 3)
	time.Sleep(2 * time.Second)
	fault(disk, true)
	fill(w, 10)
	time.Sleep(2 * time.Second)
	err := w.Admit(context.Background(), &admitted)
	if refused := errors.Is(err, segment.ErrUnavailable); refused != (full == segment.Refuse) || err != nil && !refused {
		t.Errorf("admitted with %v", err)
	}
	if w.Healthy() == nil || w.Counters().Failures == 0 {
		t.Error("a record that cannot be written is healthy")
	}
	fill(w, 200)
	lost := w.Counters().Lost
	if lost < 100 || lost > 160 {
		t.Errorf("%d of 200 lines of 1 KiB are lost; 64 KiB have room", lost)
	}
	fault(disk, false)
	time.Sleep(3 * time.Second)
	if err := w.Healthy(); err != nil {
		t.Errorf("when the disk has room again: %v", err)
	}
	if err := w.Admit(context.Background(), &admitted); err != nil {
		t.Errorf("when the disk has room again: %v", err)
	}
	if err := w.Close(); err != nil || w.Counters().Lost != lost {
		t.Errorf("closed with %v, %d lost, want %d", err, w.Counters().Lost, lost)
	}
	report, err := segment.VerifyIn(disk, "/decisions", nil)
	if err != nil || !report.OK() || report.Lost != lost || len(report.Gaps) != 1 {
		t.Errorf("%+v, %v: want one gap of %d lines", report, err, lost)
	}
	if counted := w.Counters().Unsynced; (counted > 0) != (full == segment.TellGap) {
		t.Errorf("%d requests were admitted without a line", counted)
	}
}

// TestAHangingDiskHoldsRecordUpForNobody, and Admit for as long as it was told.
func TestAHangingDiskHoldsRecordUpForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, small(disk, segment.Refuse, segment.Sync))
		release := disk.Hang()
		begun := time.Now()
		fill(w, 100)
		if took := time.Since(begun); took > 0 {
			t.Errorf("recording took %s", took)
		}
		time.Sleep(time.Second)
		if err := w.Admit(context.Background(), &admitted); !errors.Is(err, segment.ErrUnavailable) {
			t.Errorf("admitted with %v", err)
		}
		if took := time.Since(begun); took > 7*time.Second {
			t.Errorf("refused after %s, want Patience", took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the caller left"))
		release()
		time.Sleep(time.Second)
		release = disk.Hang()
		if err := w.Admit(ctx, &admitted); err == nil || errors.Is(err, segment.ErrUnavailable) || !strings.Contains(err.Error(), "the caller left") {
			t.Errorf("a caller who left: %v", err)
		}
		release()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWhoWaitsHearsOfAFailureAtOnce, and is not left waiting until Patience ends: those whose batch fails, and those who come
// while it is being tried again.
func TestWhoWaitsHearsOfAFailureAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, small(disk, segment.Refuse, segment.Sync))
		for _, fault := range []func(bool){func(on bool) { disk.SetReadOnly(on) }, func(on bool) {
			if disk.FailSync(nil); on {
				disk.FailSync(syscall.EIO)
			}
		}} {
			fault(true)
			for range 3 {
				begun := time.Now()
				if err := w.Admit(context.Background(), &admitted); !errors.Is(err, segment.ErrUnavailable) || time.Since(begun) > time.Second {
					t.Errorf("after %s: %v", time.Since(begun), err)
				}
			}
			fault(false)
			time.Sleep(2 * time.Second)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestClosingDoesNotWaitForEver: a disk that hangs does not keep the program from ending, but the folder stays locked as long
// as a write may still arrive; one that fails is given up, and what is lost is counted.
func TestClosingDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, config(disk))
		release := disk.Hang()
		fill(w, 5)
		begun := time.Now()
		if err := w.Close(); !errors.Is(err, segment.ErrUnwritten) || time.Since(begun) > 11*time.Second {
			t.Errorf("closed after %s with %v", time.Since(begun), err)
		}
		if _, err := segment.Open(config(disk)); !errors.Is(err, faultfile.ErrLocked) {
			t.Errorf("opened with %v while a write is under way", err)
		}
		release()
		synctest.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, config(disk))
		disk.SetReadOnly(true)
		fill(w, 5)
		if err := w.Close(); !errors.Is(err, segment.ErrUnwritten) || w.Counters().Lost != 5 {
			t.Errorf("closed with %v, %d lost", err, w.Counters().Lost)
		}
		fill(w, 2)
		if err := w.Admit(context.Background(), &admitted); !errors.Is(err, segment.ErrUnavailable) || w.Counters().Lost != 7 || w.Healthy() == nil {
			t.Errorf("after Close: %v, %d lost", err, w.Counters().Lost)
		}
		disk.SetReadOnly(false)
		write(t, config(disk), "a") // it can be opened again, and goes on
		if got := strings.Join(ids(t, read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})), " "); got != "header gap a" {
			t.Errorf("read %s, want the word that lines are missing before a", got)
		}
	})
}

// TestAdmittingLeavesRoomForWhatFollows: from half of the queue on nothing more is let in, so that those who are in can still
// be recorded.
func TestAdmittingLeavesRoomForWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, small(disk, segment.Refuse, segment.Buffered))
		release := disk.Hang()
		fill(w, 1)
		synctest.Wait()
		time.Sleep(time.Second) // the first line is with the disk
		let := 0
		for w.Admit(context.Background(), &admitted) == nil {
			let++
			fill(w, 1)
			if let > 1000 {
				t.Fatal("everything is let in")
			}
		}
		fill(w, 20)
		if let < 20 || w.Counters().Lost != 0 {
			t.Errorf("%d were let in, %d lines lost", let, w.Counters().Lost)
		}
		release()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestADiskThatDoesNotAnswerIsNoticed although nothing fails and the queue is almost empty: buffered lines must not be let in
// for ever on the word of a disk that is silent. An idle record is never late.
func TestADiskThatDoesNotAnswerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, config(disk))
		for range 3 {
			fill(w, 1)
			time.Sleep(time.Hour)
			if err := w.Admit(context.Background(), &admitted); err != nil || w.Healthy() != nil {
				t.Fatalf("an idle record: %v", err)
			}
		}
		release := disk.Hang()
		fill(w, 1)
		for late := time.Duration(0); late < 10*time.Second; late += time.Second {
			if err := w.Admit(context.Background(), &admitted); (err != nil) != (late > 6*time.Second) {
				t.Errorf("after %s: %v", late, err)
			}
			fill(w, 1)
			time.Sleep(time.Second)
		}
		release()
		time.Sleep(2 * time.Second) // what waited is written, and synced a second later
		if err := w.Admit(context.Background(), &admitted); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestManyWaitForOneSync: those who ask while a sync is under way share the next one.
func TestManyWaitForOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		cfg.Durability = segment.Sync
		w := open(t, cfg)
		release := disk.Hang()
		before := w.Counters().Syncs
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				if err := w.Admit(context.Background(), &admitted); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		release()
		all.Wait()
		if syncs := w.Counters().Syncs - before; syncs > 3 {
			t.Errorf("500 requests needed %d syncs", syncs)
		}
		if err := w.Close(); err != nil || w.Counters().Lines != 501 {
			t.Errorf("%v, %d lines", err, w.Counters().Lines)
		}
	})
}

// TestABufferedLineIsWrittenSoonAndDurableWithinFlushEvery: the stated bounds.
func TestABufferedLineIsWrittenSoonAndDurableWithinFlushEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		w := open(t, config(disk))
		defer w.Close()
		time.Sleep(10 * time.Second)
		fill(w, 1)
		time.Sleep(10 * time.Millisecond)
		if n := len(read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})); n != 2 {
			t.Errorf("after 10 ms %d lines are written, want the header and one", n)
		}
		if w.Head().Seq != 1 || w.Counters().LastSync.Equal(time.Now()) {
			t.Error("it is said to be durable before it was synced")
		}
		for range 100 { // a load that never pauses
			fill(w, 1)
			time.Sleep(10 * time.Millisecond)
		}
		if w.Head().Seq < 2 {
			t.Error("after a second the first line is not durable")
		}
		time.Sleep(time.Second)
		if w.Head().Seq != 102 || !w.Counters().LastSync.Equal(time.Now().UTC()) {
			t.Errorf("after another second the record is durable up to line %d, want 102; as of %s", w.Head().Seq, w.Counters().LastSync)
		}
	})
}

// TestAReadOnlyDiskAtTheStart names itself.
func TestAReadOnlyDiskAtTheStart(t *testing.T) {
	disk := faultfile.NewDisk()
	write(t, config(disk), "a")
	disk.SetReadOnly(true)
	if _, err := segment.Open(config(disk)); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "/decisions") {
		t.Errorf("opened with %v", err)
	}
	disk.SetReadOnly(false)
	disk.SetRoom(0)
	fresh := config(disk)
	fresh.Dir = "/fresh"
	if _, err := segment.Open(fresh); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("begun with %v", err)
	}
	disk.SetRoom(-1)
	write(t, fresh, "a") // what was left of the attempt is no hindrance
	if _, err := disk.Lstat("/fresh/new.tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("new.tmp: %v", err)
	}
}
