package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// newName is the name of a segment until it has a durable header; what is left of one is removed.
const newName = "new.tmp"

// grow begins the next segment, if the last one holds more than its header. Where that fails, the last one goes on growing,
// and it is tried again after a while.
func (w *Writer) grow() {
	o := w.last
	if o.lines <= 1 || time.Since(w.grewNot) < retryLast {
		return
	}
	if w.settle(true); w.gave {
		return
	}
	next, err := w.begin(Header{Segment: o.header.Segment + 1, Record: o.header.Record, Previous: o.chain, Seq: o.seq + 1}, o.tail)
	if err != nil {
		w.failures.Add(1)
		w.grewNot = time.Now()
		w.cfg.Log.Error("the next segment of the decision record cannot be made; the last one goes on growing", "cause", err.Error())
		return
	}
	if err := o.file.Close(); err != nil {
		w.cfg.Log.Error("a segment of the decision record cannot be closed", "segment", Name(o.header.Segment), "cause", err.Error())
	}
	w.last = next
	w.rotations.Add(1)
	w.settle(true) // its name is durable before the old one is touched
	knock(w.tidy)
}

// age begins the next segment where the last one has come of age.
func (w *Writer) age() {
	if w.cfg.Now().Sub(w.last.header.Opened) >= w.cfg.MaxAge {
		w.grow()
	}
}

// begin makes a segment that holds its header. The file gets its name only when that is durable: a segment without a whole
// header is never seen.
func (w *Writer) begin(h Header, memory []byte) (*open, error) {
	path := filepath.Join(w.cfg.Dir, newName)
	if err := w.cfg.FS.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	h.Opened = w.cfg.Now().UTC().Truncate(time.Microsecond)
	text, chain := w.link.seal(nil, h.body(nil), h.Seq, &h.Previous)
	h.Chain = chain
	file, err := w.cfg.FS.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make segment %d: %w", h.Segment, err)
	}
	if _, err = file.WriteAt(text, 0); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = w.cfg.FS.Rename(path, filepath.Join(w.cfg.Dir, Name(h.Segment)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make segment %d: %w", h.Segment, err), file.Close())
	}
	w.lines.Add(1)
	w.bytes.Add(uint64(len(text)))
	if w.cfg.OnLine != nil {
		w.cfg.OnLine(Line{Segment: h.Segment, Number: 1, Seq: h.Seq, Chain: chain, Text: text[:len(text)-1]})
	}
	return &open{file: file, header: h, synced: int64(len(text)), tail: memory[:0], fresh: true, seq: h.Seq, chain: chain, lines: 1}, nil
}
