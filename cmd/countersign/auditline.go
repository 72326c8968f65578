package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/segment"
)

// decisionCells are what a table shows of a line of the record.
func decisionCells(f *search.Found) []string {
	l := &f.Line
	if l.Kind == search.Gap {
		return []string{recordTime(l.Time), "gap", gapFound(f.Text), "", "", "", "", "", ""}
	}
	status, address := "", ""
	if l.Status > 0 {
		status = fmt.Sprint(l.Status)
	}
	if ip := l.IP(); ip != (netip.Addr{}) {
		address = ip.String()
	}
	where := safeText(l.Environment) + "/" + safeText(l.API)
	return []string{recordTime(l.Time), l.Kind.String(), safeText(l.Reason), status, where, strings.TrimSpace(safeText(l.Method) + " " + safeText(l.Path)),
		safeText(l.Partner), address, safeText(l.RequestID)}
}

// gapFound says what a line of the record tells of a gap, as a verification does.
func gapFound(text []byte) string {
	var g struct {
		Lost         uint64
		Torn         int64
		Kept, Former string
	}
	if json.Unmarshal(text, &g) != nil {
		return "lines are missing"
	}
	return gapText(segment.Gap{Lost: g.Lost, Torn: g.Torn, Kept: safeText([]byte(g.Kept)), Former: safeText([]byte(g.Former))})
}

var decisionHead = []string{"TIME", "DECISION", "REASON", "STATUS", "API", "REQUEST", "PARTNER", "ADDRESS", "REQUEST ID"}

// recordTime keeps the milliseconds, which tell requests of one second apart.
func recordTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// safeText makes a stranger's text harmless for a terminal and a table (security rule 34): one line, nothing invisible.
func safeText(b []byte) string {
	text := string(b)
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	quoted := fmt.Sprintf("%+q", text)
	return quoted[1 : len(quoted)-1]
}
