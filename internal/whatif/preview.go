package whatif

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/partner"
)

// RevocationPreview says what revoking a credential (its row id), or one of its versions (0: all of it), would have refused in the
// span (its zero value: the last 24 hours). Errors: ErrSpan; ErrProposed for a version that the credential does not have; the
// register's for an unknown credential; the record's.
func (e *Engine) RevocationPreview(ctx context.Context, credentialID string, version int, s Span) (Preview, error) {
	s, err := s.fill(e.cfg.Now(), PreviewSpan)
	if err != nil {
		return Preview{}, err
	}
	k, err := e.credential(ctx, credentialID)
	if err != nil {
		return Preview{}, err
	}
	if version != 0 && !slices.ContainsFunc(k.Versions, func(v partner.Version) bool { return v.Number == version }) {
		return Preview{}, wrong("the credential %s has no version %d", k.ID, version)
	}
	p := &preview{version: version}
	read := reading{left: e.cfg.MaxLines}
	q := search.Query{Environment: k.Environment, Credential: k.ID, Decision: "allow", From: s.From, To: s.To}
	if err := e.each(ctx, q, &read, p.line); err != nil {
		return Preview{}, err
	}
	made := p.preview()
	made.Credential, made.PartnerID, made.Version, made.Span, made.MadeAt = k.ID, k.PartnerID, version, s, e.cfg.Now().UTC()
	made.Truncated, made.Unread = read.truncated, listed(read.unread)
	made.Text, made.Notes = p.text(s, made.Addresses.Number, read.truncated, s.To.After(e.cfg.Now().Add(-time.Minute))), p.notes(k)
	return made, nil
}

type preview struct {
	version               int
	requests, spared      uint64
	apis, methods, proofs countTally
	addresses             addressTally
	first, last           Example
}

// line takes a request that was let in; the newest come first.
func (p *preview) line(l *search.Line) error {
	if p.version != 0 && l.Version != p.version {
		p.spared++
		return nil
	}
	p.requests++
	p.apis.add(string(l.API))
	p.methods.add(string(l.Method))
	proof := "token"
	if l.Version != 0 {
		proof = strconv.Itoa(l.Version)
	}
	p.proofs.add(proof)
	if a := l.IP(); a.IsValid() {
		p.addresses.add(a, l.Time)
	}
	if p.last.At.IsZero() || l.Time.After(p.last.At) {
		p.last = Example{string(l.RequestID), l.Time}
	}
	if p.first.At.IsZero() || l.Time.Before(p.first.At) {
		p.first = Example{string(l.RequestID), l.Time}
	}
	return nil
}

func (p *preview) preview() Preview {
	made := Preview{Requests: p.requests, Spared: p.spared, APIs: p.apis.list(), Methods: p.methods.list(), Versions: p.proofs.list(),
		Addresses: p.addresses.list()}
	if p.requests > 0 {
		made.First, made.Last = &p.first, &p.last
	}
	return made
}

// spanText writes a span in hours where it is whole ones, as people do.
func spanText(d time.Duration) string {
	if d = d.Round(time.Second); d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}

// text is the preview in a sentence. latest: the span ends now, but for the time that it took to ask.
func (p *preview) text(s Span, addresses uint64, truncated, latest bool) string {
	what := "revoking it now"
	if p.version != 0 {
		what = fmt.Sprintf("ending version %d now", p.version)
	}
	span := fmt.Sprintf("the %s from %s on", spanText(s.To.Sub(s.From)), s.From.Format("2006-01-02 15:04Z"))
	if latest && (s.To.Sub(s.From)-PreviewSpan).Abs() < time.Minute { // whoever asks for a day by the clock of another machine
		span = "the last 24 h"
	}
	least := ""
	if truncated {
		least = "at least "
	}
	if p.requests == 0 {
		return fmt.Sprintf("%s would have refused no request of %s", what, span)
	}
	return fmt.Sprintf("%s would have refused %s%s of %s, from %s", what, least, number(p.requests, "request", "requests"), span,
		number(addresses, "address", "addresses"))
}

func number(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatUint(n, 10) + " " + many
}

func (p *preview) notes(k partner.Credential) []string {
	notes := []string{"A request that was refused anyway is not counted. What a caller would have done after the first refusal is not " +
		"known: retries are not added."}
	if k.Kind == partner.App && p.version != 0 {
		notes = append(notes, "Access tokens outlive the version that they were exchanged for, up to their own end: calls by token are not "+
			"counted here. Revoke the tokens, too, to end them.")
	}
	return notes
}
