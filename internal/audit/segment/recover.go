package segment

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/faultfile"
)

// ErrDamaged is wrapped by Open's error where the last segment is not what was written, in a way that no crash explains.
var ErrDamaged = errors.New("the decision record is damaged")

// errHeaderless is the fault of a segment that a crash has left without a whole header: it holds nothing.
var errHeaderless = errors.New("no whole header")

// recoverRecord finds the end of the record and goes on there, or begins it.
func (w *Writer) recoverRecord() error {
	segments, err := Segments(w.cfg.FS, w.cfg.Dir)
	if err != nil {
		return err
	}
	for n := len(segments); n > 0; n-- {
		last := segments[n-1]
		err := w.resume(last)
		switch {
		case errors.Is(err, errHeaderless):
			if err = w.putAside(last.Number, max(1, last.Number-1)); err == nil {
				continue
			}
		case errors.Is(err, ErrDamaged) && w.cfg.Renew:
			w.cfg.Log.Error("the decision record is damaged; it is set aside and a new one begun", "cause", err.Error())
			if err = w.setAside(segments); err == nil {
				return w.beginRecord()
			}
		}
		return err
	}
	return w.beginRecord()
}

// beginRecord begins a record with its first segment. Where damaged ones stand beside it, its second line says so.
func (w *Writer) beginRecord() error {
	id := make([]byte, 16)
	if _, err := io.ReadFull(w.cfg.Rand, id); err != nil {
		return fmt.Errorf("draw the id of the record: %w", err)
	}
	var err error
	if w.last, err = w.begin(Header{Segment: 1, Record: hex.EncodeToString(id), Seq: 1}, nil); err != nil {
		return err
	}
	kept, former, err := w.aside()
	if err != nil {
		return err
	}
	if kept != "" {
		w.tellGap(Gap{Kept: kept, Former: former})
	}
	if err := w.tellTorn(end{header: w.last.header}); err != nil {
		return err
	}
	return w.attempt(true)
}

// resume goes on behind the last whole line of a segment.
func (w *Writer) resume(s Segment) error {
	end, err := w.examine(s)
	if err != nil {
		return err
	}
	if !s.Plain {
		w.last, err = w.begin(Header{Segment: s.Number + 1, Record: end.header.Record, Previous: end.chain, Seq: end.seq + 1}, nil)
		if err == nil {
			err = w.tellTorn(end)
		}
		if err == nil {
			err = w.attempt(true)
		}
		return err
	}
	return w.reopen(s, end)
}

// reopen goes on in a plain segment.
func (w *Writer) reopen(s Segment, end end) error {
	path := filepath.Join(w.cfg.Dir, Name(s.Number))
	if info, err := w.cfg.FS.Lstat(path); err != nil {
		return err
	} else if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write %s (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	file, err := w.cfg.FS.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	w.last = &open{file: file, header: end.header, synced: end.size, seq: end.seq, chain: end.chain, lines: end.lines, fresh: true}
	if err = w.cut(file, end); err == nil {
		err = w.tellTorn(end)
	}
	if err == nil {
		err = file.Sync() // what a process wrote that was killed is in the file, but may not be on the disk
	}
	if err == nil {
		err = w.attempt(true)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	return nil
}

// end is where a segment ends that was examined.
type end struct {
	header Header
	seq    uint64
	chain  [32]byte
	lines  int
	size   int64           // of the whole lines
	torn   bool            // there is more, and it is no whole line
	told   map[string]bool // what the gap lines of the segment say was kept
}

// examine proves a segment from its header to its last whole line. What a crash leaves behind that is torn: a line without
// its end, or bytes that were never written, which read as zeros, and never more than what can wait for a sync. Anything else
// that is not a line is damage.
func (w *Writer) examine(s Segment) (e end, err error) {
	in, err := openSegment(w.cfg.FS, w.cfg.Dir, s.Number)
	if err != nil {
		return e, err
	}
	defer in.Close()
	lines := newScanner(in)
	e.told = map[string]bool{}
	for {
		text, whole, err := lines.next()
		if errors.Is(err, io.EOF) && len(text) == 0 && e.lines > 0 {
			return e, nil
		}
		if err == nil && whole {
			if err = w.prolong(&e, s.Number, text); err == nil {
				e.size = lines.end
				continue
			}
		}
		crash := s.Plain && (errors.Is(err, io.EOF) || bytes.IndexByte(text, 0) >= 0) && in.rest(e.size) <= int64(2*w.cfg.MaxQueue+MaxLine)
		switch {
		case crash && e.lines == 0:
			return e, errHeaderless
		case crash:
			e.torn = true
			return e, nil
		case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, io.EOF) && s.Plain:
			return e, err // the disk's
		}
		return e, fmt.Errorf("%w: %s line %d, at byte %d: %w; look at it with `countersign audit verify`",
			ErrDamaged, Name(s.Number), e.lines+1, e.size, err)
	}
}

// prolong proves one more line.
func (w *Writer) prolong(e *end, number uint64, text []byte) error {
	line, err := ParseLine(text)
	if err != nil {
		return err
	}
	previous, seq := e.chain, e.seq+1
	if e.lines == 0 {
		if e.header, err = ParseHeader(text); err != nil {
			return err
		}
		if e.header.Segment != number {
			return fmt.Errorf("%w: its header is that of segment %d", ErrMalformed, e.header.Segment)
		}
		previous, seq = e.header.Previous, e.header.Seq
	}
	if line.Seq != seq {
		return fmt.Errorf("%w: seq %d where %d was due", ErrMalformed, line.Seq, seq)
	}
	if w.link.link(&previous, text[:len(text)-chainSize]) != line.Chain {
		return fmt.Errorf("%w: its chain value does not fit: it, or the line before it, was changed", ErrMalformed)
	}
	if line.Kind() == KindGap {
		if gap, ok := parseGap(line); ok && gap.Kept != "" {
			e.told[gap.Kept] = true
		}
	}
	e.seq, e.chain = line.Seq, line.Chain
	e.lines++
	return nil
}

// cut keeps what is torn in a file of its own, then cuts it off.
func (w *Writer) cut(file faultfile.File, e end) error {
	if !e.torn {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	name, err := w.vacant(tornPrefix + strings.TrimSuffix(Name(e.header.Segment), plainSuffix) + "-")
	if err != nil {
		return err
	}
	kept, err := w.cfg.FS.OpenFile(filepath.Join(w.cfg.Dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep a torn line: %w", err)
	}
	defer kept.Close()
	rest := io.NewSectionReader(file, e.size, info.Size()-e.size)
	if _, err := io.Copy(io.NewOffsetWriter(kept, 0), rest); err != nil {
		return fmt.Errorf("keep a torn line: %w", err)
	}
	if err := errors.Join(kept.Sync(), w.cfg.FS.SyncDir(w.cfg.Dir)); err != nil {
		return fmt.Errorf("keep a torn line: %w", err)
	}
	w.cfg.Log.Warn("a torn line was cut off the decision record", "segment", Name(e.header.Segment), "bytes", rest.Size(), "kept", name)
	return file.Truncate(e.size)
}

// tellTorn adds a gap line for every file of torn bytes that the segment does not tell of yet, also for one that was kept just
// before a crash; or, where there is none, for a run that ended in a crash.
func (w *Writer) tellTorn(e end) error {
	crash, err := w.crashed()
	if err != nil {
		return err
	}
	entries, err := w.cfg.FS.ReadDir(w.cfg.Dir)
	if err != nil {
		return err
	}
	prefix := tornPrefix + strings.TrimSuffix(Name(e.header.Segment), plainSuffix) + "-"
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) || !isName(entry.Name()) || e.told[entry.Name()] {
			continue // a name that is not ours must not write into the record
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		w.tellGap(Gap{Torn: info.Size(), Kept: entry.Name(), Crash: crash})
		crash = false
	}
	if crash {
		w.tellGap(Gap{Crash: true})
	}
	return nil
}

// tellGap adds a gap line at once, though the segment be full: it tells of the lines beside it. And the record that is being opened
// must neither close the file under the hands of who opens it, nor wait for a disk that fails.
func (w *Writer) tellGap(gap Gap) {
	gap.At = w.cfg.Now()
	w.chain(gap.body(nil))
	w.gaps.Add(1)
}

// vacant is the first name of prefix and a number that nothing has.
func (w *Writer) vacant(prefix string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s%d", prefix, n)
		if _, err := w.cfg.FS.Lstat(filepath.Join(w.cfg.Dir, name)); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}

// putAside makes a segment without a header into torn bytes of the one before it.
func (w *Writer) putAside(number, before uint64) error {
	name, err := w.vacant(tornPrefix + strings.TrimSuffix(Name(before), plainSuffix) + "-")
	if err != nil {
		return err
	}
	w.cfg.Log.Warn("a segment without a header was put aside", "segment", Name(number), "kept", name)
	err = w.cfg.FS.Rename(filepath.Join(w.cfg.Dir, Name(number)), filepath.Join(w.cfg.Dir, name))
	if err == nil {
		err = w.cfg.FS.SyncDir(w.cfg.Dir)
	}
	return err
}
