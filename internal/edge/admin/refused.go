package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"countersign.dev/internal/registry"
)

// What one minute may write down one by one; the rest of it becomes one row for each actor.
const (
	maxRowsOfActor = 60
	maxAnonymous   = 20  // addresses that are named; all others are one
	maxActors      = 200 // that are kept apart
)

// refusedStatus reports whether a status says that somebody was not let do something. Too many requests is no such thing: it says
// nothing about the request, and a row for each would be the flood that it stops.
func refusedStatus(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusTooManyRequests
}

// ledger writes refused attempts into the record of changes, each at once as long as they are few, and as a number when they are
// many: a row costs every node a look at the register, and a flood of refusals must not become one of rows.
type ledger struct {
	s      *Server
	mu     sync.Mutex
	minute int64
	tally  map[registry.Actor]*tally
	others int // anonymous addresses beyond maxAnonymous, and actors beyond maxActors
}

// tally is what one actor was refused in this minute.
type tally struct{ written, gathered int }

// note takes one refused attempt down.
func (l *ledger) note(ctx context.Context, c *call) {
	actor := c.actor()
	if c.who.Kind == "" {
		actor = registry.Actor{Kind: "anonymous", Name: c.address()}
	}
	l.turn(ctx)
	if !l.takes(actor) {
		return
	}
	if err := l.s.cfg.Registry.NoteRefused(ctx, actor, c.name(), c.refusedBecause()); err != nil {
		l.s.cfg.Log.Error("a refused attempt is not in the record", "request_id", c.id, "error", err)
	}
}

// takes reports whether an attempt has a row of its own.
func (l *ledger) takes(actor registry.Actor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally[actor]
	if t == nil {
		if len(l.tally) >= maxActors || actor.Kind == "anonymous" && l.anonymous() >= maxAnonymous {
			l.others++
			return false
		}
		t = &tally{}
		l.tally[actor] = t
	}
	limit := maxRowsOfActor
	if actor.Kind == "anonymous" {
		limit = 1
	}
	if t.written >= limit {
		t.gathered++
		return false
	}
	t.written++
	return true
}

func (l *ledger) anonymous() (n int) {
	for actor := range l.tally {
		if actor.Kind == "anonymous" {
			n++
		}
	}
	return n
}

// turn begins a new minute where one has ended.
func (l *ledger) turn(ctx context.Context) {
	if err := l.write(ctx, l.take(false)); err != nil {
		l.s.cfg.Log.Error("refused attempts are not in the record", "error", err)
	}
}

// gathered is what one minute has left to be written down.
type gathered struct {
	at     time.Time
	tally  map[registry.Actor]*tally
	others int
}

// take ends the minute, where it is over or now is set, and hands out what was gathered in it.
func (l *ledger) take(now bool) gathered {
	minute := l.s.cfg.Now().Unix() / 60
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tally != nil && minute == l.minute && !now {
		return gathered{}
	}
	past := gathered{time.Unix(l.minute*60, 0).UTC(), l.tally, l.others}
	l.tally, l.others, l.minute = map[registry.Actor]*tally{}, 0, minute
	return past
}

// write writes one row for each actor of whom something was gathered.
func (l *ledger) write(ctx context.Context, past gathered) error {
	var faults []error
	row := func(actor registry.Actor, n int) {
		if n > 0 {
			why := fmt.Sprintf("%d more attempts in the minute from %s", n, past.at.Format("2006-01-02 15:04"))
			faults = append(faults, l.s.cfg.Registry.NoteRefused(ctx, actor, "several", why))
		}
	}
	for actor, t := range past.tally {
		row(actor, t.gathered)
	}
	row(registry.Actor{Kind: "anonymous", Name: "others"}, past.others)
	return errors.Join(faults...)
}

// refusedBecause is the detail of a refused attempt: the status, why, and at its very end, which no text of anybody pushes out, what
// the path names. Attempts that are about a partner are found by that end.
func (c *call) refusedBecause() string {
	why := clip(fmt.Sprintf("%d %s", c.status, c.why), 600)
	if what := c.subject(); what != "" {
		why += " (" + what + ")"
	}
	return why
}

// name is what the record calls the operation: the registry's own name where it has one, and one that is made alike for the others.
func (c *call) name() string {
	for name, op := range c.s.contract.byName {
		if op == c.op {
			return string(name)
		}
	}
	return dotted(c.op.id)
}

// dotted is an operation of the contract as operations are written elsewhere: breakGlassList is "break_glass.list".
func dotted(id string) string {
	noun := 1
	if strings.HasPrefix(id, "breakGlass") || strings.HasPrefix(id, "whatIf") {
		noun = 2
	}
	var b strings.Builder
	for _, r := range id {
		if unicode.IsUpper(r) {
			if noun--; noun == 0 {
				b.WriteByte('.')
			} else {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// subject is what the path of the request names, the partner last.
func (c *call) subject() string {
	values := c.pathValues()
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(partnerLast(a), partnerLast(b)), strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = name + "=" + clip(values[name], 100)
	}
	return strings.Join(names, " ")
}

func partnerLast(name string) int {
	if name == "partner" {
		return 1
	}
	return 0
}

// address is that of the other end; of an IPv6 one the network of 64 bits that one holder has at least.
func (c *call) address() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is6() && !a.IsLoopback() {
		p, err := a.Prefix(64)
		if err != nil {
			return "unknown"
		}
		return p.String()
	}
	return a.String()
}
