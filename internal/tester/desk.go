package tester

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Bounds of what a desk remembers.
const (
	deskMembers = 4096             // at a time; further ones are refused
	deskKeys    = 128              // of one member
	deskMemory  = 30 * time.Minute // after the last thing that a member did
)

// DeskConfig says what NewDesk needs. Now is required.
type DeskConfig struct {
	Now func() time.Time
	// PerMinute bounds what one member may begin in a minute; zero: 30. AtOnce bounds what all members do at a time; zero: 8.
	PerMinute, AtOnce int
}

// Desk serves one thing at a time for each member, and so many in a minute. What was refused is not counted. Safe for
// concurrent use; the memory of one process: a restart forgets.
type Desk struct {
	cfg DeskConfig

	mu      sync.Mutex
	members map[string]*visitor
	busy    int
}

// visitor is what is remembered of one member.
type visitor struct {
	begun []time.Time // within the last minute, the oldest first
	keys  []string    // the oldest first
	last  time.Time
	busy  bool
}

// NewDesk returns a Desk, or an error for a missing clock or a negative bound.
func NewDesk(cfg DeskConfig) (*Desk, error) {
	if cfg.Now == nil || cfg.PerMinute < 0 || cfg.AtOnce < 0 {
		return nil, errors.New("tester: a desk needs a clock, and bounds that are not negative")
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = 30
	}
	if cfg.AtOnce == 0 {
		cfg.AtOnce = 8
	}
	return &Desk{cfg: cfg, members: map[string]*visitor{}}, nil
}

// Enter lets a member begin something, under a key that the member has not used before; an empty key is not remembered. leave
// ends it, and must be called once: with false where nothing came of it, so that the key may be used again. Enter returns
// ErrSentAlready, ErrBusy or ErrTooOften.
func (d *Desk) Enter(member, key string) (leave func(done bool), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.Now()
	v := d.members[member]
	if v == nil {
		if len(d.members) >= deskMembers {
			d.forget(now)
		}
		if len(d.members) >= deskMembers {
			return nil, ErrTooOften
		}
		v = &visitor{}
	}
	v.begun = slices.DeleteFunc(v.begun, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	switch {
	case key != "" && slices.Contains(v.keys, key):
		return nil, ErrSentAlready
	case v.busy || d.busy >= d.cfg.AtOnce:
		return nil, ErrBusy
	case len(v.begun) >= d.cfg.PerMinute:
		return nil, ErrTooOften
	}
	d.members[member] = v
	v.begun, v.last, v.busy = append(v.begun, now), now, true
	if d.busy++; key != "" {
		if v.keys = append(v.keys, key); len(v.keys) > deskKeys {
			v.keys = slices.Delete(v.keys, 0, 1)
		}
	}
	return func(done bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		v.busy = false
		d.busy--
		if !done {
			v.keys = slices.DeleteFunc(v.keys, func(k string) bool { return k == key })
		}
	}, nil
}

// forget lets go of members who have done nothing for a while.
func (d *Desk) forget(now time.Time) {
	for name, v := range d.members {
		if !v.busy && now.Sub(v.last) > deskMemory {
			delete(d.members, name)
		}
	}
}
