package inspect

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
)

// How often a record is verified, unless Config says otherwise.
const (
	DefaultEvery = time.Hour
	DefaultWhole = 24 * time.Hour
)

// MaxFaults is how many faults of a record a Status names.
const MaxFaults = 20

// State says how it stands with a record.
type State string

// The states.
const (
	Unverified State = "unverified" // not since this process began
	Running    State = "running"    // it is being verified, or will be next; the rest of the Status is of the time before
	Verified   State = "verified"   // no fault was found, as far as it is proven: see Sealed
	Faulty     State = "faulty"
)

// Status is what is known of one record.
type Status struct {
	Name       string // "changes", or as the DecisionRecord is called
	Kind       string // checkpoint.Changes or checkpoint.Decisions
	State      State
	Lines      uint64    // number of its last entry now, as far as that is known
	Verified   uint64    // the last entry up to which the chain was found whole; 0: none
	VerifiedAt time.Time // zero: not since this process began
	Whole      bool      // everything was read, not only what was new since the verification before
	Sealed     uint64    // the last entry that a signed checkpoint vouches for; 0: none does
	SealedAt   time.Time // when that was signed
	SealedBy   string    // id of its key
	SealedIn   string    // where its book is
	Faults     []string  // the first MaxFaults; with a last one that counts the others
	Notes      []string  // what is not proven, and what the record says of itself
}

// Changes is the register's record.
type Changes interface {
	VerifyChanges(ctx context.Context, anchors []audit.Anchor) (audit.ChangeReport, error)
	Head(ctx context.Context) (audit.Head, error)
}

// Book is where the signed checkpoints of a record are.
type Book struct {
	Place string                              // for people
	Text  func() ([]byte, error)              // all of it; an error that is fs.ErrNotExist: there is none yet
	Keys  func() ([]checkpoint.Public, error) // those that it may be signed with
}

// DecisionRecord is one record of decisions.
type DecisionRecord struct {
	Name string        // "decisions", or "decisions-" and what tells it from others: a-z, 0-9 and -
	Dir  string        // folder of its segments
	Book *Book         // nil: nothing is signed for it
	Head func() uint64 // number of its last line; nil: known from a verification alone
}

// Config makes an Inspector.
type Config struct {
	Changes     Changes // required
	ChangesBook *Book   // nil: nothing is signed for them
	Decisions   []DecisionRecord
	Now         func() time.Time // required
	Log         *slog.Logger     // hears of faults and of what cannot be read; required

	Every time.Duration // between two verifications of a record; 0: DefaultEvery
	Whole time.Duration // between two of everything; 0: DefaultWhole
	// Pause waits, or returns the context's error; it is called after each segment with the time that it took, so that a
	// verification takes half of one processor at most. nil: it waits so long.
	Pause func(ctx context.Context, took time.Duration) error
}

// Inspector verifies records. Safe for concurrent use. Run it beside a server; nobody closes it.
type Inspector struct {
	cfg     Config
	records []*record
	wake    chan struct{}

	mu sync.Mutex // guards the status of every record, and what was asked for
}

var recordName = regexp.MustCompile(`^decisions(-[a-z0-9][a-z0-9-]{0,60})?$`)

// New checks cfg and reads nothing yet.
func New(cfg Config) (*Inspector, error) {
	if cfg.Changes == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("an inspection of records needs the changes, a clock and a log")
	}
	if cfg.Every < 0 || cfg.Whole < 0 {
		return nil, errors.New("records are not verified in times below nothing")
	}
	if cfg.Every == 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Whole == 0 {
		cfg.Whole = DefaultWhole
	}
	if cfg.Pause == nil {
		cfg.Pause = sleep
	}
	i := &Inspector{cfg: cfg, wake: make(chan struct{}, 1)}
	i.records = append(i.records, i.changes())
	for _, d := range cfg.Decisions {
		if !recordName.MatchString(d.Name) || d.Dir == "" || i.find(d.Name) != nil {
			return nil, errors.New("a record of decisions needs a name of its own, as decisions-sandbox, and a folder")
		}
		i.records = append(i.records, i.decisions(d))
	}
	return i, nil
}

// sleep waits for as long as something took.
func sleep(ctx context.Context, took time.Duration) error {
	t := time.NewTimer(took)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (i *Inspector) find(name string) *record {
	at := slices.IndexFunc(i.records, func(r *record) bool { return r.name == name })
	if at < 0 {
		return nil
	}
	return i.records[at]
}

// Records say how it stands with every record: changes first, then decisions in the order of the Config.
func (i *Inspector) Records(ctx context.Context) []Status {
	all := make([]Status, 0, len(i.records))
	for _, r := range i.records {
		all = append(all, i.show(ctx, r))
	}
	return all
}

func (i *Inspector) show(ctx context.Context, r *record) Status {
	head := r.head(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	s := r.status
	s.Lines = max(s.Lines, head)
	s.Faults, s.Notes = slices.Clone(s.Faults), slices.Clone(s.Notes)
	if r.asked || r.running {
		s.State = Running
	}
	return s
}

// Verify asks for a verification of a whole record, which begins as soon as no other one is at work, and says how it stood
// before. false: there is no such record.
func (i *Inspector) Verify(ctx context.Context, name string) (Status, bool) {
	r := i.find(name)
	if r == nil {
		return Status{}, false
	}
	i.mu.Lock()
	r.asked = true
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default: // it is awake
	}
	return i.show(ctx, r), true
}

// Run verifies what is due, at once, whenever tick gives something, and when somebody asks, until ctx ends or tick is closed. A
// server runs it with a ticker of a minute.
func (i *Inspector) Run(ctx context.Context, tick <-chan time.Time) {
	for {
		i.Round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-i.wake:
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
	}
}

// Round verifies every record that is due or was asked for, one after another.
func (i *Inspector) Round(ctx context.Context) {
	for _, r := range i.records {
		if ctx.Err() != nil {
			return
		}
		if due, whole := i.due(r); due {
			i.verify(ctx, r, whole)
		}
	}
}

// due reports whether a record has to be verified now, and whether as a whole. A clock that was set back makes it due.
func (i *Inspector) due(r *record) (due, whole bool) {
	now := i.cfg.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	since := func(t time.Time, every time.Duration) bool { return t.IsZero() || now.Before(t) || now.Sub(t) >= every }
	whole = r.asked || since(r.wholeAt, i.cfg.Whole)
	due = whole || since(r.triedAt, i.cfg.Every)
	if due {
		r.asked, r.running = false, true
	}
	return due, whole
}

// verify proves one record and keeps the outcome. What cannot be read changes nothing of what was known but a note, and is tried
// again when it is due.
func (i *Inspector) verify(ctx context.Context, r *record, whole bool) {
	found, err := r.prove(ctx, whole)
	now := i.cfg.Now().UTC()
	i.mu.Lock()
	defer i.mu.Unlock()
	r.running, r.triedAt = false, now
	if ctx.Err() != nil {
		return // the server ends
	}
	if err != nil {
		i.cfg.Log.Warn("a record cannot be verified now", "record", r.name, "cause", err.Error())
		r.wholeAt = now // it is not read again and again
		r.status.Notes = []string{"The last attempt to verify it failed at " + now.Format(time.RFC3339) + ": it could not be read. The log has the cause."}
		return
	}
	if whole {
		r.wholeAt = now
	}
	r.missed(&found, now)
	found.Name, found.Kind, found.VerifiedAt, found.State = r.name, r.status.Kind, now, Verified
	if len(found.Faults) > 0 {
		found.State = Faulty
		if r.status.State != Faulty {
			i.cfg.Log.Error("a record is not what was written", "record", r.name, "fault", found.Faults[0])
		}
	}
	r.status = found
}
