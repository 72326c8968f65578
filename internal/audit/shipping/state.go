package shipping

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// Files and folders of a collected record, below NODE/SCOPE/RECORD.
const (
	linesFolder = "decisions"
	countFolder = "rollups"
	asideFolder = "aside"
	stateFile   = "state.json"
	bookFile    = "decisions.checkpoints"
	goOnFile    = "go-on"
)

// Fault is why a record of another node is not taken any further.
type Fault struct {
	Segment uint64    `json:"segment"`
	Line    int       `json:"line"` // of the segment: the first one that is not proven
	Offset  int64     `json:"offset"`
	What    string    `json:"what"`
	At      time.Time `json:"at"`    // when it was found
	Aside   string    `json:"aside"` // file with what did not verify; empty: there is none
}

// Gap is where an operator had a record go on although lines in between could not be proven.
type Gap struct {
	After  uint64    `json:"after"`  // seq of the last proven line before
	Before uint64    `json:"before"` // seq of the first one behind
	At     time.Time `json:"at"`
	What   string    `json:"what"` // the fault
}

// SeenKey is the key with which a node signs, as this collector knows it.
type SeenKey struct {
	Public string    `json:"public"`
	ID     string    `json:"id"`
	Since  time.Time `json:"since"` // when it was first seen here
}

// Status is how far one record of another node was taken and proven. It is also what a collector keeps of it on its disk.
type Status struct {
	Version  int       `json:"version"`
	Node     string    `json:"node"`
	Scope    string    `json:"scope,omitempty"`
	Record   string    `json:"record"`
	Segment  uint64    `json:"segment"` // the last one; 0: nothing was taken yet
	Line     int       `json:"line"`    // lines of it
	End      int64     `json:"end"`     // bytes of it
	Closed   bool      `json:"closed"`  // it is whole
	Verified uint64    `json:"verified"`
	Chain    string    `json:"chain"`
	Begun    uint64    `json:"begun"`      // the first segment that was taken; above 1, the depot had no earlier ones
	Shipped  time.Time `json:"shipped_at"` // of the last piece, by the node's clock
	Taken    time.Time `json:"taken_at"`   // of the last piece, by the clock here

	BookBegun  int64     `json:"book_begun"` // where the book here begins in the node's
	BookEnd    int64     `json:"book_end"`
	BookNumber uint64    `json:"book_number"`
	BookSeq    uint64    `json:"book_seq"` // of the last statement
	Sealed     uint64    `json:"sealed"`   // the last line that a signed checkpoint has been held against
	SealedAt   time.Time `json:"sealed_at"`
	SealedBy   string    `json:"sealed_by,omitempty"` // id of the key
	Key        *SeenKey  `json:"key,omitempty"`

	Gaps      []Gap  `json:"gaps"`
	Fault     *Fault `json:"fault,omitempty"`
	BookFault string `json:"book_fault,omitempty"`

	Confirmed bool `json:"-"` // the key is one that the configuration names
}

// Stream is the stream of the lines.
func (s *Status) Stream() Stream { return Stream{s.Node, s.Scope, s.Record, Lines} }

// Trouble says what is wrong with the record, with node, segment and line; empty: nothing.
func (s *Status) Trouble() string {
	switch {
	case s.Fault != nil && s.Fault.Segment == 0:
		return fmt.Sprintf("node %s: %s", s.Stream(), s.Fault.What)
	case s.Fault != nil:
		return fmt.Sprintf("node %s, segment %d, line %d: %s", s.Stream(), s.Fault.Segment, s.Fault.Line, s.Fault.What)
	case s.BookFault != "":
		return fmt.Sprintf("node %s, checkpoints: %s", s.Stream(), s.BookFault)
	}
	return ""
}

func (s *Status) trace() (t segment.Trace) {
	t = segment.Trace{Record: s.Record, Segment: s.Segment, Line: s.Line, Seq: s.Verified}
	unhex(&t.Chain, s.Chain)
	return t
}

func (s *Status) proved(t segment.Trace) {
	s.Segment, s.Line, s.Verified, s.Chain = t.Segment, t.Line, t.Seq, fmt.Sprintf("%x", t.Chain[:])
}

const maxState = 1 << 20

// loadStatus reads the state of a folder. The error wraps fs.ErrNotExist where there is none.
func loadStatus(folder string) (st Status, err error) {
	f, err := faultfile.OS{}.OpenFile(filepath.Join(folder, stateFile), os.O_RDONLY, 0)
	if err != nil {
		return st, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState))
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err == nil && st.Version != 1 {
		err = fmt.Errorf("it is of version %d", st.Version)
	}
	if err == nil {
		err = st.Stream().Check()
	}
	if err != nil {
		return st, fmt.Errorf("%s: %w", filepath.Join(folder, stateFile), err)
	}
	return st, nil
}

// save writes the state durably, as a whole.
func (s *Status) save(folder string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(folder, stateFile, append(text, '\n'))
}

// writeFile puts a file in the place of one of its name, durably.
func writeFile(folder, name string, text []byte) error {
	fsys, aside := faultfile.OS{}, filepath.Join(folder, name+".tmp")
	if err := fsys.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := fsys.OpenFile(aside, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(aside, filepath.Join(folder, name)); err != nil {
		return err
	}
	return fsys.SyncDir(folder)
}

// Collected is a record of another node in a collector's folder.
type Collected struct {
	Status
	Dir    string // the record: an ordinary folder of segments
	Counts string // where its per-minute counts belong
	Book   string // its signed checkpoints
}

func collected(root string, st Status) Collected {
	folder := filepath.Join(root, filepath.FromSlash(st.Stream().Folder()))
	return Collected{Status: st, Dir: filepath.Join(folder, linesFolder), Counts: filepath.Join(folder, countFolder), Book: filepath.Join(folder, bookFile)}
}

// ReadCollected lists what a collector has in its folder, by node, scope and record; for whoever looks from another process. A folder
// that is not there holds nothing. What is no collected record is passed over.
func ReadCollected(root string) (all []Collected, err error) {
	paths, err := filepath.Glob(escapeGlob(root) + "/*/*/*/" + stateFile)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		folder := filepath.Dir(path)
		rel, err := filepath.Rel(root, folder)
		if err != nil {
			continue
		}
		s, err := ParseFolder(filepath.ToSlash(rel), Lines)
		if err != nil {
			continue
		}
		st, err := loadStatus(folder)
		if err != nil {
			return nil, err
		}
		if st.Stream() == s {
			all = append(all, collected(root, st))
		}
	}
	return all, nil
}

// escapeGlob is a path of which every character stands for itself in a pattern.
func escapeGlob(path string) string {
	var b []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, path[i])
	}
	return string(b)
}
