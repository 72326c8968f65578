package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
)

// maxLogValue caps a text in the log, in bytes.
const maxLogValue = 1000

// capped caps every text of a record (security rule 34): much of what is logged was written by somebody else. The handler
// behind it escapes.
type capped struct{ slog.Handler }

func newCapped(h slog.Handler) slog.Handler { return capped{h} }

// Handle implements slog.Handler.
func (c capped) Handle(ctx context.Context, r slog.Record) error {
	short := slog.NewRecord(r.Time, r.Level, capText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		short.AddAttrs(capAttr(a))
		return true
	})
	return c.Handler.Handle(ctx, short)
}

// WithAttrs implements slog.Handler.
func (c capped) WithAttrs(attrs []slog.Attr) slog.Handler {
	short := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		short[i] = capAttr(a)
	}
	return capped{c.Handler.WithAttrs(short)}
}

// WithGroup implements slog.Handler.
func (c capped) WithGroup(name string) slog.Handler { return capped{c.Handler.WithGroup(name)} }

func capAttr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, capText(v.String()))
	case slog.KindGroup:
		var inner []any
		for _, one := range v.Group() {
			inner = append(inner, capAttr(one))
		}
		return slog.Group(a.Key, inner...)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, capText(err.Error()))
		}
		if text, ok := v.Any().(fmt.Stringer); ok {
			return slog.String(a.Key, capText(text.String()))
		}
	}
	return a
}

func capText(text string) string {
	if len(text) <= maxLogValue {
		return text
	}
	return text[:maxLogValue] + "..."
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// doorKey is what a listener is known by: its address, or its place where any port will do.
func doorKey(environment string, i int, address string) string {
	if _, port, err := net.SplitHostPort(address); err == nil && port == "0" {
		return fmt.Sprintf("%s[%d]", environment, i)
	}
	return address
}
