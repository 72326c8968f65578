package registry

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/audit"
)

// NoteRefused records that somebody was not let do something: the operation is the subject, why the detail. Texts are made fit for
// one line and cut; an empty one is recorded as "unknown". The zero actor, for somebody who proved nothing, is recorded as
// "anonymous:unknown"; give an address as Actor{Kind: "anonymous", Name: address}. Every call is one row, for good: whoever calls
// for strangers gathers. Errors: the store's.
func (r *Registry) NoteRefused(ctx context.Context, actor Actor, operation, why string) error {
	if actor.Kind == "" {
		actor.Kind = "anonymous"
	}
	if actor.Name == "" {
		actor.Name = "unknown"
	}
	if operation == "" {
		operation = "unknown"
	}
	c := audit.Change{At: r.now(), Actor: clip(actor.String(), audit.MaxActor), Action: audit.AttemptRefused,
		Subject: clip(operation, audit.MaxSubject), Detail: clip(why, audit.MaxDetail)}
	if err := r.store.Update(ctx, func(tx Tx) error { return tx.Record(c) }); err != nil {
		return fmt.Errorf("record a refused attempt: %w", err)
	}
	return nil
}

// clip makes one line of text of at most limit bytes: what cannot stand in a line becomes a space, what is too long is cut.
func clip(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, text)
	if len(text) <= limit {
		return text
	}
	const mark = "…"
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:max(end, 0)] + mark
}
