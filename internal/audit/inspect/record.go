package inspect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
)

// record is one record and what is known of it.
type record struct {
	name string // never changes

	// Guarded by the lock of the Inspector.
	status  Status
	asked   bool // somebody wants a verification of everything
	running bool
	triedAt time.Time // of the last attempt; zero: there was none
	wholeAt time.Time // of the last one of everything
	reached uint64    // the last entry that a verification of this process has read
	seenAt  time.Time // when it read that

	// Made once.
	prove func(ctx context.Context, whole bool) (Status, error)
	head  func(ctx context.Context) uint64
}

// reading is how far a book was verified.
type reading struct {
	book       *Book
	length     int
	digest     [32]byte // of the bytes so far
	statements []checkpoint.Statement
	longest    int // how many there were at most; fewer of them later are a book that was cut, or an older copy
}

// read verifies what is new of a book. Bytes that were verified before are only compared by their digest: a signature takes long.
// fault: it is not what was signed.
func (b *reading) read() (fault string, err error) {
	if b.book == nil {
		return "", nil
	}
	text, err := b.book.Text()
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if err != nil {
		return "", fmt.Errorf("read the book of checkpoints: %w", err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	if len(text) < b.length || sha256.Sum256(text[:b.length]) != b.digest {
		b.length, b.statements = 0, nil
	}
	keys, err := b.book.Keys()
	if err != nil {
		return "", fmt.Errorf("read the key of checkpoints: %w", err)
	}
	var before *checkpoint.Statement
	if n := len(b.statements); n > 0 {
		before = &b.statements[n-1]
	}
	more, err := checkpoint.ReadStatements(bytes.NewReader(text[b.length:]), before, keys...)
	if errors.Is(err, checkpoint.ErrMalformed) || errors.Is(err, checkpoint.ErrSignature) {
		return "the book of checkpoints is not what was signed: " + err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	b.statements, b.length, b.digest = append(b.statements, more...), len(text), sha256.Sum256(text)
	if n := len(b.statements); n < b.longest {
		return fmt.Sprintf("the book of checkpoints has %d statements, and had %d before: its end was cut off, or an older copy is in its place", n, b.longest), nil
	}
	b.longest = len(b.statements)
	return "", nil
}

// missed is a fault where a record ends before an entry that this process has read: what is left may well be whole, and no
// checkpoint need have seen the rest. It stays until the rest is there again.
func (r *record) missed(found *Status, now time.Time) {
	if found.Lines < r.reached {
		found.fault(fmt.Sprintf("the record ends with entry %d, and had %d when it was verified at %s: its end was cut off, or an older copy is in its place",
			found.Lines, r.reached, r.seenAt.Format(time.RFC3339)))
		return
	}
	r.reached, r.seenAt = found.Lines, now
}

// anchors are those of the book.
func (b *reading) anchors() []checkpoint.Anchor {
	all := make([]checkpoint.Anchor, len(b.statements))
	for i, st := range b.statements {
		all[i] = st.Anchor
	}
	return all
}

// seal says which statement vouches for a record up to an entry.
func (b *reading) seal(s *Status, seq uint64) {
	for i := len(b.statements) - 1; i >= 0 && seq > 0; i-- {
		if st := b.statements[i]; st.Seq == seq {
			s.Sealed, s.SealedAt, s.SealedBy, s.SealedIn = seq, st.At.UTC(), st.Key, b.book.Place
			return
		}
	}
}

// begins notes a book that does not begin with its record: it proves nothing of what was before.
func (b *reading) begins(s *Status) {
	if len(b.statements) > 0 && b.statements[0].Seq > 1 {
		first := b.statements[0]
		s.Notes = append(s.Notes, fmt.Sprintf("The book of checkpoints was begun at entry %d, on %s: what was done to the record before that, it cannot show.",
			first.Seq, first.At.UTC().Format(time.RFC3339)))
	}
}

func (s *Status) fault(text string) {
	if len(s.Faults) < MaxFaults {
		s.Faults = append(s.Faults, text)
	}
}

// others counts the faults that are not named.
func (s *Status) others(all int) {
	if all > len(s.Faults) {
		s.Faults = append(s.Faults, fmt.Sprintf("and %d faults more", all-len(s.Faults)))
	}
}

// changes is the record of the register. It is always read whole, and so is every row that it speaks of.
func (i *Inspector) changes() *record {
	book := &reading{book: i.cfg.ChangesBook}
	r := &record{name: checkpoint.Changes, status: Status{Name: checkpoint.Changes, Kind: checkpoint.Changes, State: Unverified}}
	r.head = func(ctx context.Context) uint64 {
		head, err := i.cfg.Changes.Head(ctx)
		if err != nil {
			return 0
		}
		return head.Seq
	}
	r.prove = func(ctx context.Context, _ bool) (Status, error) {
		fault, err := book.read()
		if err != nil {
			return Status{}, err
		}
		var anchors []audit.Anchor
		for _, a := range book.anchors() {
			anchors = append(anchors, audit.Anchor{ID: a.ID, Seq: a.Seq, Hash: a.Hash, At: a.At})
		}
		report, err := i.cfg.Changes.VerifyChanges(ctx, anchors)
		if err != nil {
			return Status{}, err
		}
		return changesStatus(report, book, fault), nil
	}
	return r
}

func changesStatus(report audit.ChangeReport, book *reading, fault string) Status {
	s := Status{Lines: report.Last, Verified: report.Last, Whole: true}
	all := len(report.Faults) + report.MoreFaults
	if fault != "" {
		s.fault(fault)
		all++
	}
	for _, f := range report.Faults {
		s.fault(f.Text)
		if f.Seq > 0 {
			s.Verified = min(s.Verified, f.Seq-1)
		}
	}
	s.others(all)
	book.seal(&s, report.Anchored)
	if all == 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d rows of the register are as the last change of each left them.", report.Rows))
	}
	if report.ChainedAt > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("Changes 1 to %d are older than the chain: they were hashed when the register was converted.", report.ChainedAt-1))
	}
	book.begins(&s)
	s.tail()
	return s
}

// tail notes what no checkpoint proves.
func (s *Status) tail() {
	switch {
	case s.Lines == 0:
		s.Notes = append(s.Notes, "There are no entries: a record that was removed as a whole would look the same.")
	case s.Sealed == 0:
		s.Notes = append(s.Notes, "Not anchored: no checkpoint vouches for it, so its end could be cut off, or all of it written anew.")
	case s.Sealed < s.Lines:
		s.Notes = append(s.Notes, fmt.Sprintf("Tail not anchored: entries %d to %d could have been written anew, and later ones cut off.", s.Sealed+1, s.Lines))
	}
}

// decisions is a record of decisions. Between two whole verifications, closed segments are read again only where their files
// have changed.
func (i *Inspector) decisions(d DecisionRecord) *record {
	book := &reading{book: d.Book}
	inspector := segment.NewInspector(nil, d.Dir)
	r := &record{name: d.Name, status: Status{Name: d.Name, Kind: checkpoint.Decisions, State: Unverified}}
	r.head = func(context.Context) uint64 {
		if d.Head == nil {
			return 0
		}
		return d.Head()
	}
	r.prove = func(ctx context.Context, whole bool) (Status, error) {
		fault, err := book.read()
		if err != nil {
			return Status{}, err
		}
		report, read, err := inspector.Verify(ctx, book.anchors(), whole, i.cfg.Now, i.cfg.Pause)
		if err != nil {
			return Status{}, err
		}
		return decisionsStatus(report, read, book, fault), nil
	}
	return r
}

func decisionsStatus(report segment.Report, read int, book *reading, fault string) Status {
	s := Status{Lines: report.Last, Verified: report.Last, Whole: read == report.Segments}
	all := len(report.Faults) + report.More
	if fault != "" {
		s.fault(fault)
		all++
	}
	for _, f := range report.Faults {
		s.fault(f.String())
	}
	s.others(all)
	book.seal(&s, report.Anchored)
	if all > 0 {
		s.Verified = s.Sealed // where the first fault is, is not a number of a line
	}
	if !s.Whole {
		s.Notes = append(s.Notes, fmt.Sprintf("%d of %d segments were read; the others were verified before, and their files have kept name, size and time of change since. Whoever can set a file's times back hides an alteration from that: verify the whole record to see it.", read, report.Segments))
	}
	if report.Lost > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("The record itself says that %d lines were never written.", report.Lost))
	}
	if report.Retired != nil {
		s.Notes = append(s.Notes, fmt.Sprintf("Lines up to %d were removed because of their age, and the record says so.", report.Retired.Seq))
	}
	book.begins(&s)
	s.tail()
	return s
}
