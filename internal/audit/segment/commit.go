package segment

import (
	"bytes"
	"fmt"
	"path/filepath"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

// open is the segment that grows. Its file holds synced durable bytes; what is behind them stands in tail too, until it is
// durable, so that it can be written again where a sync failed: after that nobody knows what the file holds.
type open struct {
	file   faultfile.File
	header Header

	synced  int64  // durable bytes
	tail    []byte // whole lines behind them
	flushed int    // bytes of tail that were written since the last failure
	told    int    // bytes of tail that OnLine has seen
	fresh   bool   // the folder is not synced yet: the file's name could be lost

	seq      uint64 // of the last line, in tail or before it
	chain    [32]byte
	lines    int    // in the segment
	unproved uint64 // lines in tail
}

func (o *open) size() int64 { return o.synced + int64(len(o.tail)) }

// commit chains, writes and, for those who wait, syncs a batch. It returns when that is done or given up.
func (w *Writer) commit(q queue) {
	w.group = q.group
	for rest := q.lines; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		w.add(rest[:end])
		rest = rest[end+1:]
	}
	if q.dropped > 0 && !w.gave {
		w.tellGap(Gap{Lost: q.dropped})
	}
	if q.count == 0 && q.dropped == 0 {
		return
	}
	w.settle(w.group != nil)
	w.group.release(nil) // nil by now where the disk failed
	w.group = nil
}

// add chains one open body behind the last line.
func (w *Writer) add(body []byte) {
	if len(w.last.tail) >= w.cfg.MaxQueue {
		w.settle(true)
	}
	if size := len(body) + chainSize + len(seqMark) + len("18446744073709551615\n"); w.last.size()+int64(size) > w.cfg.MaxSize {
		w.grow()
	}
	if w.gave {
		w.lost.Add(1)
		return
	}
	w.chain(body)
}

// chain chains one open body behind the last line, whatever room the segment has.
func (w *Writer) chain(body []byte) {
	o := w.last
	o.tail, o.chain = w.link.seal(o.tail, body, o.seq+1, &o.chain)
	o.seq++
	o.lines++
	o.unproved++
	w.behind.Store(int64(len(o.tail)))
}

// settle writes what is chained and, if that is asked for, syncs it, again and again while the disk fails, until Close. Those
// who wait hear of the first failure.
func (w *Writer) settle(sync bool) {
	for pause := retryFirst; !w.gave; pause = min(2*pause, retryLast) {
		err := w.attempt(sync)
		if err == nil {
			w.recovered()
			return
		}
		w.fail(err)
		if !w.rest(pause) {
			w.giveUp()
		}
	}
	w.group.release(fmt.Errorf("%w: it is closed", ErrUnavailable))
	w.group = nil
}

// attempt writes tail at its place in the file, so that writing it twice changes nothing, and syncs.
func (w *Writer) attempt(sync bool) error {
	o := w.last
	if o.flushed < len(o.tail) {
		if _, err := o.file.WriteAt(o.tail[o.flushed:], o.synced+int64(o.flushed)); err != nil {
			return err
		}
		o.flushed = len(o.tail)
		w.tell()
	}
	if !sync || len(o.tail) == 0 && !o.fresh {
		return nil
	}
	if len(o.tail) > 0 {
		if err := o.file.Sync(); err != nil {
			o.flushed = 0 // everything since the last sync is written once more
			return err
		}
		w.bytes.Add(uint64(len(o.tail)))
		w.lines.Add(o.unproved)
		o.synced += int64(len(o.tail))
		o.tail, o.flushed, o.told, o.unproved = o.tail[:0], 0, 0, 0
		w.behind.Store(0)
	}
	if o.fresh {
		if err := w.cfg.FS.SyncDir(w.cfg.Dir); err != nil {
			return err
		}
		o.fresh = false
	}
	w.since.Store(0) // what came meanwhile begins anew with the next line
	w.syncs.Add(1)
	w.lastSync.Store(w.cfg.Now().UnixNano())
	w.keepHead()
	return nil
}

// keepHead makes the last line, which is durable, the one that can be signed.
func (w *Writer) keepHead() {
	w.head.Store(&checkpoint.Anchor{Record: checkpoint.Decisions, ID: w.last.header.Record, Seq: w.last.seq, Hash: w.last.chain})
}

// tell shows OnLine what was written.
func (w *Writer) tell() {
	o := w.last
	if w.cfg.OnLine == nil {
		return
	}
	number := o.lines - bytes.Count(o.tail[o.told:], []byte{'\n'})
	for o.told < len(o.tail) {
		end := o.told + bytes.IndexByte(o.tail[o.told:], '\n')
		line, err := ParseLine(o.tail[o.told:end])
		number++
		if err == nil { // it always is: seal has made it
			line.Segment, line.Number, line.Offset = o.header.Segment, number, o.synced+int64(o.told)
			w.cfg.OnLine(line)
		}
		o.told = end + 1
	}
}

// fail notes that lines cannot be written, and lets go those who wait for them and those who have just begun to.
func (w *Writer) fail(err error) {
	w.failures.Add(1)
	if w.failing.Swap(&err) == nil {
		w.cfg.Log.Error("the decision record cannot be written; it is tried again", "segment", filepath.Join(w.cfg.Dir, Name(w.last.header.Segment)), "cause", err.Error())
	}
	w.mu.Lock()
	later := w.queue.group
	w.queue.group = nil
	w.mu.Unlock()
	told := fmt.Errorf("%w: %w", ErrUnavailable, err) // err itself is what failing points to
	w.group.release(told)
	w.group = nil
	later.release(told)
}

func (w *Writer) recovered() {
	if w.failing.Swap(nil) != nil {
		w.cfg.Log.Info("the decision record can be written again", "lost", w.lost.Load())
	}
}

// rest waits before the next attempt; false where the writer is to end: then there is none.
func (w *Writer) rest(pause time.Duration) bool {
	late := time.NewTimer(pause)
	defer late.Stop()
	select {
	case <-w.closing:
		return false
	case <-late.C:
		return true
	}
}

// giveUp counts what never reached the file.
func (w *Writer) giveUp() {
	w.gave = true
	w.lost.Add(uint64(bytes.Count(w.last.tail[w.last.flushed:], []byte{'\n'})))
}
