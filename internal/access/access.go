// Package access decides. It owns the pipeline that every door runs for every request, the closed list of reasons, the
// snapshot that decisions are taken from, and the sealed access tokens. It never touches a store or a network: what it
// knows was read before and sits behind one atomic pointer. It refuses by default: a decision that nobody took, a
// snapshot that is missing or too old and a replay guard that cannot answer all end in a refusal.
//
// Attacks it answers: forged, replayed, stale and re-routed requests; credentials of one environment used in another;
// oracles about what is stored (every cause that depends on it looks the same until the caller has proved who it is).
package access

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"countersign.dev/internal/giveway"
	"countersign.dev/internal/partner"
)

// ReplayGuard remembers requests. internal/replay holds the contract in full.
type ReplayGuard interface {
	// Claim reports whether key is seen for the first time, and remembers it until expires (Unix seconds, inclusive). An error refuses
	// the request, but for one that has, or wraps one with, Admit() bool and says true there: it is let in with ReplayUnjudged among
	// its warnings.
	Claim(key [32]byte, expires, now int64) (fresh bool, err error)
}

// DefaultStaleness is how old the last reading of the register may be unless a configuration says otherwise (design decision 3).
const DefaultStaleness = 15 * time.Minute

// TokenBodyLimit is how many bytes a request to a token endpoint may have (security rule 27).
const TokenBodyLimit = 16 << 10

// Config says what a Decider decides by.
type Config struct {
	APIs         []*API           // at least one; an environment exists if an API names it
	Replay       ReplayGuard      // must be set if any signed API has a replay rule other than off
	Limiter      Limiter          // nil: no API may have limits, and a roster with limits is refused
	Countries    Countries        // nil: no country file; a roster with a country rule is then refused
	Now          func() time.Time // must be set
	MaxStaleness time.Duration    // how old the last reading of the register may be; 0: DefaultStaleness
}

// Decider decides requests. Safe for concurrent use; create it with New and give it a roster with Load.
type Decider struct {
	cfg          Config
	environments map[string][]*API
	snap         atomic.Pointer[snapshot]
	unions       atomic.Bool               // somebody asks for them
	confirmed    atomic.Pointer[time.Time] // when the register was last read successfully
	pause        func(time.Duration)       // giveway.For
}

// New checks cfg and returns a Decider that answers Unavailable until Load has been called.
func New(cfg Config) (*Decider, error) {
	if cfg.Now == nil || len(cfg.APIs) == 0 {
		return nil, errors.New("access: a clock and at least one API are needed")
	}
	if cfg.MaxStaleness == 0 {
		cfg.MaxStaleness = DefaultStaleness
	}
	a := &Decider{cfg: cfg, environments: map[string][]*API{}, pause: giveway.For}
	for _, api := range cfg.APIs {
		if err := api.check(); err != nil {
			return nil, err
		}
		if api.Protocol == Signed && api.Replay != ReplayOff && cfg.Replay == nil {
			return nil, fmt.Errorf("%w: %s/%s: a replay guard is needed", ErrAPI, api.Environment, api.Name)
		}
		if api.limits != nil && cfg.Limiter == nil {
			return nil, fmt.Errorf("%w: %s/%s: a limiter is needed", ErrAPI, api.Environment, api.Name)
		}
		for _, other := range a.environments[api.Environment] {
			if err := apart(api, other); err != nil {
				return nil, err
			}
		}
		a.environments[api.Environment] = append(a.environments[api.Environment], api)
	}
	return a, nil
}

// apart refuses two APIs of one environment that share a name or a base path.
func apart(api, other *API) error {
	if api.Name == other.Name {
		return fmt.Errorf("%w: two APIs of %s are called %s", ErrAPI, api.Environment, api.Name)
	}
	for _, base := range api.BasePaths {
		for _, taken := range other.BasePaths {
			if base == taken {
				return fmt.Errorf("%w: %s and %s share the base path %s", ErrAPI, api.Name, other.Name, base)
			}
		}
	}
	return nil
}

// Load puts a new roster in force for all decisions from now on. On an error the former one stays. A roster that is a part
// (partner.Roster.Since) has to go on from the revision in force: what it does not name stays as it is. One Load at a time. readAt is a reading of
// Config.Now from before the roster was read: with its monotonic part, so that a clock that is set back makes nothing fresh.
func (a *Decider) Load(roster *partner.Roster, readAt time.Time) error {
	former := a.snap.Load()
	pause := a.pause
	if former == nil {
		pause = nil // nobody is served yet
	}
	var snap *snapshot
	var err error
	if roster.Since == 0 {
		snap, err = a.build(roster, pause)
	} else {
		snap, err = former.patched(roster, a, pause)
	}
	if err != nil {
		return err
	}
	if a.unions.Load() {
		for name, apis := range a.environments {
			snap.worlds[name].union(apis, &breath{pause: pause})
		}
	}
	a.snap.Store(snap)
	a.confirmed.Store(&readAt)
	return nil
}

// usable refuses what the configuration has nothing to judge by.
func (a *Decider) usable(piece *partner.Piece) error {
	if a.cfg.Countries == nil {
		for i := range piece.Networks {
			if n := &piece.Networks[i]; n.Country != "" {
				return fmt.Errorf("%w: partner %s has a rule for country %s, but no country file is configured", ErrRoster, n.PartnerID, n.Country)
			}
		}
	}
	if a.cfg.Limiter == nil && len(piece.Limits) > 0 {
		return fmt.Errorf("%w: partner %s has a limit, but no limiter is configured", ErrRoster, piece.Limits[0].PartnerID)
	}
	return nil
}

// Confirm notes that the register was read at a time, as in Load, and still has the revision that is in force.
func (a *Decider) Confirm(readAt time.Time) { a.confirmed.Store(&readAt) }

// Revision is that of the roster in force; 0 before the first Load.
func (a *Decider) Revision() uint64 {
	if snap := a.snap.Load(); snap != nil {
		return snap.revision
	}
	return 0
}

// Ready is nil when decisions can be taken, or says why not.
func (a *Decider) Ready() error {
	confirmed := a.confirmed.Load()
	if a.snap.Load() == nil || confirmed == nil {
		return errors.New("the register has not been read yet")
	}
	if age := a.cfg.Now().Sub(*confirmed); age > a.cfg.MaxStaleness || age < -a.cfg.MaxStaleness {
		return fmt.Errorf("the register was last read %s ago, more than %s", age.Round(time.Second), a.cfg.MaxStaleness)
	}
	return nil
}

// current is the snapshot that decisions are taken from now, or nil when there is none that is young enough.
func (a *Decider) current(d *Decision, now time.Time) *snapshot {
	confirmed := a.confirmed.Load() // before the snapshot: of two that Load replaces in between, the older time counts
	snap := a.snap.Load()
	if snap == nil || confirmed == nil {
		d.Cause = a.Ready()
		d.refuse(Unavailable, "", "")
		return nil
	}
	if age := now.Sub(*confirmed); age > a.cfg.MaxStaleness || age < -a.cfg.MaxStaleness {
		d.Cause = a.Ready()
		d.refuse(SnapshotStale, "", "")
		return nil
	}
	return snap
}
