package stream

import (
	"fmt"
	"strconv"
	"strings"
)

// Facility and severities of RFC 5424 §6.2.1.
const (
	facility = 13 // log audit
	warning  = 4
	notice   = 5
	info     = 6
)

// printable is a field of the header: ASCII without spaces (RFC 5424 §6), a dash where there is nothing.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, text)
	if text = text[:min(len(text), 255)]; text == "" {
		return "-"
	}
	return text
}

// frame adds one message with its length before it.
func (s *Syslog) frame(b []byte, m *Message) []byte {
	severity := info
	switch {
	case m.Warning:
		severity = warning
	case m.Record == Changes:
		severity = notice
	}
	at := "-"
	if !m.At.IsZero() {
		at = m.At.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	text := fmt.Sprintf(`<%d>1 %s %s countersign - %s [countersign@%d record="%s" seq="%d"] `,
		facility*8+severity, at, s.host, m.Record, s.cfg.Enterprise, m.Record, m.Seq)
	b = strconv.AppendInt(b, int64(len(text)+len(m.Text)), 10)
	b = append(append(b, ' '), text...)
	return append(b, m.Text...)
}
