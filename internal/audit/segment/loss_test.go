package segment_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
	"pgregory.net/rapid"
)

// story is what happens to a record before the power is lost, and what the loss leaves.
type story struct {
	lives []life
	lying bool // the disk only says that it syncs
	keep  bool // segments are retired after two hours
}

// life is one run of the writer.
type life struct {
	steps  []int // see act
	fuse   int   // operations of the disk until the power is lost
	kept   int   // thousandths of unsynced bytes that are there afterwards
	zeros  int   // thousandths of the rest that read as zeros
	names  int   // bits: which unsynced changes of names are there
	closed bool  // the writer is closed before
	killed bool  // it is killed before, and another one opens the record and is killed too, while the disk has power
}

func drawStory(rt *rapid.T) (s story) {
	s.keep = rapid.Bool().Draw(rt, "keep")
	for range rapid.IntRange(1, 4).Draw(rt, "lives") {
		s.lives = append(s.lives, life{
			steps:  rapid.SliceOfN(rapid.IntRange(0, 7), 1, 40).Draw(rt, "steps"),
			fuse:   rapid.IntRange(0, 120).Draw(rt, "fuse"),
			kept:   rapid.SampledFrom([]int{0, 0, 300, 700, 1000}).Draw(rt, "kept"),
			zeros:  rapid.SampledFrom([]int{0, 0, 1000}).Draw(rt, "zeros"),
			names:  rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 1<<16-1)).Draw(rt, "names"),
			closed: rapid.Bool().Draw(rt, "closed"),
			killed: rapid.Bool().Draw(rt, "killed"),
		})
	}
	return s
}

// teller plays a story and remembers what was promised.
type teller struct {
	disk     *faultfile.Disk
	cfg      segment.Config
	count    int
	promised map[string]time.Time // request ids whose Admit returned nil, and when
	heads    []checkpoint.Anchor  // that could have been signed
}

// act takes one step: a decision is recorded, one is admitted, several at once, time passes, or much of it, syncs fail for a
// while, or the disk is full.
func (p *teller) act(w *segment.Writer, step int) {
	switch step {
	case 0, 1:
		p.count++
		w.Record(&audit.Decision{RequestID: fmt.Sprintf("%032x", p.count), Time: time.Now(), Path: strings.Repeat("p", p.count%300)})
	case 2:
		p.admit(w, 1)
	case 3:
		p.admit(w, 7)
	case 4:
		time.Sleep(300 * time.Millisecond)
	case 5:
		time.Sleep(3 * time.Hour)
	case 6:
		p.disk.FailSync(errors.New("input/output error"))
		p.admit(w, 2)
		time.Sleep(time.Second)
		p.disk.FailSync(nil)
		time.Sleep(2 * time.Second)
	case 7:
		p.disk.SetRoom(int64(p.count * 7 % 500))
		p.admit(w, 2)
		p.disk.SetRoom(-1)
		time.Sleep(2 * time.Second)
	}
	p.heads = append(p.heads, w.Head())
}

// admit asks for several requests at once.
func (p *teller) admit(w *segment.Writer, n int) {
	answers := make(chan string, n)
	for range n {
		p.count++
		id := fmt.Sprintf("%032x", p.count)
		go func() {
			if w.Admit(context.Background(), &audit.Decision{RequestID: id, Time: time.Now(), Allowed: true}) != nil {
				id = ""
			}
			answers <- id
		}()
	}
	for range n {
		if id := <-answers; id != "" {
			p.promised[id] = time.Now()
		}
	}
}

// live runs the writer until the power is lost; then the disk keeps what it keeps.
func (p *teller) live(l life) error {
	p.disk.CutPowerAfter(l.fuse)
	w, err := segment.Open(p.cfg)
	if err != nil && !p.disk.Dark() {
		return fmt.Errorf("open: %w", err)
	}
	if err == nil {
		for _, step := range l.steps {
			p.act(w, step)
		}
		if err := p.end(w, l); err != nil {
			return err
		}
	}
	p.disk.Restore(faultfile.Loss{
		Bytes: func(unsynced int) (int, int) {
			kept := unsynced * l.kept / 1000
			return kept, (unsynced - kept) * l.zeros / 1000
		},
		Names: func(change int) bool { return l.names>>(change%16)&1 == 1 },
	})
	return nil
}

// end ends the writer before the power goes, or lets the power go while it writes.
func (p *teller) end(w *segment.Writer, l life) error {
	if l.closed {
		_ = w.Close()
	} else if l.killed && !p.disk.Dark() {
		p.disk.Kill()
		again, err := segment.Open(p.cfg)
		if err == nil {
			p.heads = append(p.heads, again.Head())
			defer again.Close()
		} else if !p.disk.Dark() {
			return fmt.Errorf("open after a kill: %w", err)
		}
	}
	p.disk.CutPowerAfter(0)
	_ = p.disk.Remove("any") // the operation at which the power goes
	if !l.closed {
		_ = w.Close()
	}
	return nil
}

// judge opens the record once more and looks whether everything that was promised is there, and the chain is whole.
func (p *teller) judge() error {
	w, err := segment.Open(p.cfg)
	if err != nil {
		return fmt.Errorf("open after the loss: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close after the loss: %w", err)
	}
	anchors := p.heads
	if len(anchors) > 0 && anchors[0].Seq == 0 {
		return errors.New("a head without a line")
	}
	report, err := segment.VerifyIn(p.disk, p.cfg.Dir, anchors)
	if err != nil || !report.OK() || report.Torn > 0 {
		return fmt.Errorf("verify: %v %v, %d bytes torn", err, report.Faults, report.Torn)
	}
	there := map[string]bool{}
	r, err := segment.NewReader(segment.ReaderConfig{Dir: p.cfg.Dir, FS: p.disk})
	if err != nil {
		return err
	}
	for line, err := r.Next(); err == nil; line, err = r.Next() {
		if _, rest, ok := strings.Cut(string(line.Text), `"decision":"admit"`); ok && rest != "" {
			_, id, _ := strings.Cut(string(line.Text), `"request_id":"`)
			there[id[:32]] = true
		}
	}
	for id, at := range p.promised {
		if retired := p.cfg.Keep > 0 && time.Since(at) >= p.cfg.Keep; !there[id] && !retired {
			return fmt.Errorf("admitted and not recorded: %s", id)
		}
	}
	return nil
}

// play plays a story in time of its own and returns the first broken promise.
func play(t *testing.T, s story) (fault error) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		if s.lying {
			disk.Lie()
		}
		cfg := config(disk)
		cfg.Durability, cfg.MaxSize, cfg.MaxAge, cfg.Compress, cfg.Patience = segment.Sync, 4<<10, time.Hour, true, time.Second
		if s.keep {
			cfg.Keep = 2 * time.Hour
		}
		p := &teller{disk: disk, cfg: cfg, promised: map[string]time.Time{}}
		for _, l := range s.lives {
			if fault = p.live(l); fault != nil {
				return
			}
			if fault = p.judge(); fault != nil {
				return
			}
		}
	})
	return fault
}

// TestSyncSurvivesALossOfPower: whatever is recorded, admitted, rotated, compressed or recovered when the power goes, every
// line whose Admit returned nil is there afterwards, nothing that could have been signed is gone, and the chain is whole.
func TestSyncSurvivesALossOfPower(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		if fault := play(t, s); fault != nil {
			rt.Fatal(fault)
		}
	})
}

// TestTheLossOfPowerTellsALie: the property is not empty. On a disk that does not sync, what the same stories promise is not
// kept; so would a writer fail that forgot to sync.
func TestTheLossOfPowerTellsALie(t *testing.T) {
	lie := story{lying: true, lives: []life{{steps: []int{2, 2, 4}, fuse: 100}}}
	if fault := play(t, lie); fault == nil {
		t.Error("a disk that syncs nothing kept every promise")
	}
	lie.lying = false
	if fault := play(t, lie); fault != nil {
		t.Errorf("an honest disk: %v", fault)
	}
}
