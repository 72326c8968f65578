package whatif

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/partner"
)

// Rehearsal says how each version of a credential (its row id) is used, in the span (its zero value: the last seven days) and, for
// last uses, as far back as counts are kept. Errors: ErrSpan, the register's for an unknown credential, the record's.
func (e *Engine) Rehearsal(ctx context.Context, credentialID string, s Span) (Rehearsal, error) {
	s, err := s.fill(e.cfg.Now(), DefaultSpan)
	if err != nil {
		return Rehearsal{}, err
	}
	k, err := e.credential(ctx, credentialID)
	if err != nil {
		return Rehearsal{}, err
	}
	r := &rehearsal{versions: map[int]*versionTally{}}
	read := reading{left: e.cfg.MaxLines}
	q := search.Query{Environment: k.Environment, Credential: k.ID, Decision: "final", From: s.From, To: s.To, OldestFirst: true}
	if err := e.each(ctx, q, &read, r.line); err != nil {
		return Rehearsal{}, err
	}
	last, err := e.LastUse(ctx)
	if err != nil {
		return Rehearsal{}, err
	}
	made := Rehearsal{Credential: k.ID, PartnerID: k.PartnerID, Kind: string(k.Kind), Span: s, MadeAt: e.cfg.Now().UTC(), Reaches: last.Reaches,
		Truncated: read.truncated, Unread: listed(append(read.unread, last.Faults...)), Unproved: r.unproved.list(), Notes: r.notes(k, last)}
	r.fill(&made, k, last, e.cfg.Now())
	return made, nil
}

// credential finds one by its row id alone.
func (e *Engine) credential(ctx context.Context, id string) (partner.Credential, error) {
	k, err := e.cfg.Register.FindCredential(ctx, id)
	if err != nil {
		return k, fmt.Errorf("read credential: %w", err)
	}
	return k, nil
}

// maxVersions is how many versions of one credential are told apart; no credential of ours has as many.
const maxVersions = 1000

// rehearsal gathers lines by the version that they proved.
type rehearsal struct {
	versions map[int]*versionTally
	unproved countTally
}

type versionTally struct {
	allowed, refused uint64
	first, last      time.Time
	refusals         countTally
	addresses        addressTally
	days             map[string]*DayUse // bounded by MaxSpan
}

func (r *rehearsal) line(l *search.Line) error {
	if !l.Proved {
		r.unproved.add(string(l.Reason))
		return nil
	}
	v := r.versions[l.Version]
	if v == nil {
		if len(r.versions) >= maxVersions {
			return nil
		}
		v = &versionTally{first: l.Time, days: map[string]*DayUse{}}
		r.versions[l.Version] = v
	}
	if l.Time.After(v.last) {
		v.last = l.Time
	}
	if l.Time.Before(v.first) {
		v.first = l.Time
	}
	if a := l.IP(); a.IsValid() {
		v.addresses.add(a, l.Time)
	}
	name := l.Time.Format(time.DateOnly)
	day := v.days[name]
	if day == nil {
		day = &DayUse{Day: name}
		v.days[name] = day
	}
	if l.Kind == search.Allow {
		v.allowed++
		day.Allowed++
		return nil
	}
	v.refused++
	day.Refused++
	v.refusals.add(string(l.Reason))
	return nil
}

// fill adds the versions to made: the register's, and those that only the records know.
func (r *rehearsal) fill(made *Rehearsal, k partner.Credential, last LastUses, now time.Time) {
	numbers := slices.Collect(maps.Keys(r.versions))
	for _, v := range k.Versions {
		numbers = append(numbers, v.Number)
	}
	for key := range last.Uses {
		if key.CredentialID == k.ID {
			numbers = append(numbers, key.Version)
		}
	}
	slices.SortFunc(numbers, func(a, b int) int { return -cmp.Compare(a, b) })
	made.Versions = []VersionUse{}
	for _, n := range slices.Compact(numbers) {
		use := r.use(n)
		at := last.Uses[VersionKey{k.ID, n}]
		if v := r.versions[n]; v != nil && v.last.After(at) {
			at = v.last
		}
		use.LastUse = moment(at)
		if n == 0 {
			made.ByToken = &use
			continue
		}
		use.describe(k, now)
		made.Versions = append(made.Versions, use)
	}
}

func (r *rehearsal) use(version int) VersionUse {
	v := r.versions[version]
	if v == nil {
		v = &versionTally{}
	}
	use := VersionUse{Version: version, FirstUse: moment(v.first), Allowed: v.allowed, Refused: v.refused, Refusals: v.refusals.list(),
		Addresses: v.addresses.list(), Days: []DayUse{}}
	for _, name := range slices.Sorted(maps.Keys(v.days)) {
		use.Days = append(use.Days, *v.days[name])
	}
	return use
}

// describe adds what the register says of the version.
func (u *VersionUse) describe(k partner.Credential, now time.Time) {
	i := slices.IndexFunc(k.Versions, func(v partner.Version) bool { return v.Number == u.Version })
	if i < 0 {
		u.Gone = true
		return
	}
	v := k.Versions[i]
	u.Live, u.Newest = v.Live(now) && k.RevokedAt.IsZero(), i == 0
	u.NotBefore, u.NotAfter = moment(v.NotBefore), moment(v.NotAfter)
}

func (r *rehearsal) notes(k partner.Credential, last LastUses) []string {
	notes := []string{}
	if k.Kind == partner.App {
		notes = append(notes, "Calls by access token belong to no version: a version is used where its secret is exchanged for a token.")
	}
	if last.Lost > 0 {
		notes = append(notes, fmt.Sprintf("The record says that %d of its lines were never written: uses among them are not known.", last.Lost))
	}
	if last.Reaches.IsZero() {
		notes = append(notes, "There are no per-minute counts: last uses are those of the span alone.")
	}
	return notes
}

// LastUse is when each version of each credential was last used, and how far back that is known. It reads every per-minute count
// that is kept: for a keeper, not for each page. Errors: the disk's, the record's.
func (e *Engine) LastUse(ctx context.Context) (LastUses, error) {
	last := LastUses{Uses: map[VersionKey]time.Time{}}
	dirs := e.cfg.Rollups
	if o := e.cfg.Others; o != nil {
		dirs = append(slices.Clip(dirs), o.Rollups()...)
		last.Faults = append(last.Faults, o.Faults()...)
	}
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return last, err
		}
		from, err := firstDay(dir)
		if err != nil {
			return last, err
		}
		sum, faults, err := rollup.Sum(dir, time.Time{}, time.Time{})
		if err != nil {
			return last, fmt.Errorf("read the per-minute counts: %w", err)
		}
		last.Faults = append(last.Faults, faults...)
		last.Lost += sum.Lost
		if from.IsZero() {
			continue
		}
		if last.Reaches.IsZero() || from.After(last.Reaches) { // of several records, as far as all reach
			last.Reaches = from
		}
		for key, use := range sum.Versions {
			k := VersionKey{key.Credential, key.Version}
			if use.Last.After(last.Uses[k]) {
				last.Uses[k] = use.Last
			}
		}
	}
	if last.Reaches.IsZero() {
		return last, nil
	}
	behind, err := e.behind(ctx, last)
	if err != nil {
		return last, err
	}
	if behind != "" {
		last.Faults = append(last.Faults, behind)
	}
	if len(last.Faults) == 0 {
		last.Until = e.cfg.Now().Add(-settled)
	}
	return last, nil
}

// settled is how old a use must be so that it has to be counted by now.
const settled = 10 * time.Minute

// behind says that the counts lack a use that the record has: they are made again, or nobody follows the record. Without it a
// version that is in use could be taken for a silent one.
func (e *Engine) behind(ctx context.Context, last LastUses) (string, error) {
	for _, record := range e.records() {
		page, err := record.Find(ctx, search.Query{Decision: "allow", To: e.cfg.Now().Add(-settled), Limit: 1})
		if err != nil {
			return "", fmt.Errorf("read the decision record: %w", err)
		}
		if len(page.Found) == 0 {
			continue
		}
		l := &page.Found[0].Line
		counted := last.Uses[VersionKey{string(l.Credential), l.Version}]
		if l.Proved && len(l.Credential) > 0 && counted.Before(l.Time.Truncate(time.Second)) {
			return fmt.Sprintf("the per-minute counts are behind the decision record: a use at %s is not in them",
				l.Time.Format(time.RFC3339)), nil
		}
	}
	return "", nil
}
