package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of Query.Limit.
const (
	DefaultLimit = 100
	MaxLimit     = 10_000
)

// maxValue bounds the texts of a query, in bytes; no line has longer ones.
const maxValue = 1024

// ErrQuery is wrapped by what is wrong with a Query or a cursor.
var ErrQuery = errors.New("invalid search")

// Query says which lines are wanted. An empty field asks for nothing; a line must fit all that are set. A line that lacks
// the field does not fit it. The zero Query takes every line but the headers of segments.
type Query struct {
	RequestID   string
	Environment string
	API         string
	Partner     string // row id
	Credential  string // row id
	Reason      string
	Warning     string       // one of the line's warnings; no index knows it: every line that fits the rest is read
	Shadow      string       // what the shadow profile made of it; "failed": anything but "ok". No index knows it, as Warning
	Decision    string       // "allow", "refuse", "admit", "gap", or "final": allow or refuse; empty: any of them
	Address     netip.Prefix // one address is a /32 or /128; an IPv4 prefix also takes the mapped form
	From        time.Time    // at or after
	To          time.Time    // before

	OldestFirst bool   // false: what was written last comes first
	Limit       int    // 0: DefaultLimit; at most MaxLimit
	Cursor      string // Page.Next of the page before; empty: from the end, or from the begin
	Scan        bool   // read every line, and no index: slow, and proof against a forged one
}

// Validate reports what is wrong with q; the error wraps ErrQuery. Find and Export ask it themselves.
func (q *Query) Validate() error {
	for name, value := range map[string]string{"request id": q.RequestID, "environment": q.Environment, "api": q.API,
		"partner": q.Partner, "credential": q.Credential, "reason": q.Reason, "warning": q.Warning, "shadow": q.Shadow} {
		if len(value) > maxValue {
			return fmt.Errorf("%w: %s longer than %d bytes", ErrQuery, name, maxValue)
		}
	}
	if _, _, ok := q.kinds(); !ok {
		return fmt.Errorf("%w: decision %.20q is none of allow, refuse, admit, gap, final", ErrQuery, q.Decision)
	}
	if q.Address != (netip.Prefix{}) && !q.Address.IsValid() {
		return fmt.Errorf("%w: not an address or prefix", ErrQuery)
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		return fmt.Errorf("%w: limit of 1 to %d", ErrQuery, MaxLimit)
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return fmt.Errorf("%w: the time span ends before it begins", ErrQuery)
	}
	_, err := parsePlace(q.Cursor)
	return err
}

// Match reports whether l is wanted. A Gap without a time fits every time span.
func (q *Query) Match(l *Line) bool { return q.matchFields(l) && q.matchRest(l) }

func (q *Query) matchFields(l *Line) bool {
	low, high, ok := q.kinds()
	return ok && l.Kind >= low && l.Kind < high && is(q.RequestID, l.RequestID) && is(q.Environment, l.Environment) && is(q.API, l.API) &&
		is(q.Partner, l.Partner) && is(q.Credential, l.Credential) && is(q.Reason, l.Reason) && q.matchAddress(l)
}

func is(wanted string, value []byte) bool { return wanted == "" || wanted == string(value) }

func (q *Query) matchAddress(l *Line) bool {
	if !q.Address.IsValid() {
		return true
	}
	a := l.IP()
	if !a.IsValid() {
		return false
	}
	low, high := bounds(q.Address)
	key := addressKey(a)
	return key >= low && key <= high
}

// matchRest compares what the index does not know, or not exactly: times are good to a millisecond there.
func (q *Query) matchRest(l *Line) bool {
	return q.matchTime(l) && q.matchWarning(l) && q.matchShadow(l)
}

// ShadowFailed as Query.Shadow asks for every line of which a shadow profile would have refused the request.
const ShadowFailed = "failed"

func (q *Query) matchShadow(l *Line) bool {
	if q.Shadow == ShadowFailed {
		return len(l.Shadow) > 0 && string(l.Shadow) != "ok"
	}
	return is(q.Shadow, l.Shadow)
}

func (q *Query) matchWarning(l *Line) bool {
	if q.Warning == "" {
		return true
	}
	var all []string
	return len(l.Warnings) > 0 && json.Unmarshal(l.Warnings, &all) == nil && slices.Contains(all, q.Warning)
}

func (q *Query) matchTime(l *Line) bool {
	if l.Time.IsZero() {
		return true
	}
	return (q.From.IsZero() || !l.Time.Before(q.From)) && (q.To.IsZero() || l.Time.Before(q.To))
}

// kinds are the kinds that are wanted: low and up to, but without, high.
func (q *Query) kinds() (low, high Kind, ok bool) {
	switch q.Decision {
	case "":
		return Gap, kindCount, true
	case "final":
		return Allow, kindCount, true
	}
	for k := Gap; k < kindCount; k++ {
		if kindNames[k] == q.Decision {
			return k, k + 1, true
		}
	}
	return 0, 0, false
}

func (q *Query) limit() int {
	if q.Limit == 0 {
		return DefaultLimit
	}
	return q.Limit
}

// addressKey sorts addresses: IPv4 stands in its mapped form among IPv6.
func addressKey(a netip.Addr) string {
	b := a.As16()
	return string(b[:])
}

// bounds are the lowest and the highest key within p.
func bounds(p netip.Prefix) (low, high string) {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	first := p.Masked().Addr().As16()
	last := first
	for i := bits; i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return string(first[:]), string(last[:])
}

// place is where a line stands in the record: its segment and its row there, from 0.
type place struct {
	segment uint64
	row     uint64
}

// String is the cursor of p.
func (p place) String() string {
	return strconv.FormatUint(p.segment, 10) + ":" + strconv.FormatUint(p.row, 10)
}

func parsePlace(cursor string) (place, error) {
	if cursor == "" {
		return place{}, nil
	}
	segment, row, ok := strings.Cut(cursor, ":")
	s, errSegment := strconv.ParseUint(segment, 10, 40)
	r, errRow := strconv.ParseUint(row, 10, 40)
	p := place{segment: s, row: r}
	if !ok || errSegment != nil || errRow != nil || p.String() != cursor {
		return place{}, fmt.Errorf("%w: a cursor that no page gave", ErrQuery)
	}
	return p, nil
}
