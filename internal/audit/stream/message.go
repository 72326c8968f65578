package stream

import (
	"encoding/json"
	"strconv"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
)

// The names of the records, as messages and positions have them.
const (
	Decisions = "decisions"
	Changes   = "changes"
)

// Message is one line on its way.
type Message struct {
	Record  string // Decisions or Changes
	Seq     uint64 // in its record
	At      time.Time
	Warning bool   // a refusal, a gap: what somebody might want to be called for
	Text    []byte // one JSON object, without a line feed; of a decision, the very line of the record
}

// decision makes the message of a line of the record. Lines that tell of segments are messages too: the chain can then be
// verified at the receiver.
func decision(seq uint64, text []byte) Message {
	m := Message{Record: Decisions, Seq: seq, Text: text}
	var l search.Line
	if l.Parse(text) == nil {
		m.At = l.Time
		m.Warning = l.Kind == search.Refuse || l.Kind == search.Gap
	}
	return m
}

// change makes the message of a change row. Like a decision line it is plain ASCII.
func change(c audit.Change) Message {
	b := []byte(`{"time":"`)
	b = c.At.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, `","change":`...)
	b = strconv.AppendUint(b, c.Seq, 10)
	for _, field := range [...]struct{ name, value string }{{"actor", c.Actor}, {"action", string(c.Action)},
		{"subject", c.Subject}, {"detail", c.Detail}} {
		if field.value != "" {
			b = append(append(append(b, ',', '"'), field.name...), '"', ':')
			b = ascii(b, field.value)
		}
	}
	b = append(b, `,"hash":"`...)
	for _, x := range c.Hash {
		b = append(b, "0123456789abcdef"[x>>4], "0123456789abcdef"[x&15])
	}
	return Message{Record: Changes, Seq: c.Seq, At: c.At, Text: append(b, '"', '}')}
}

// ascii adds a JSON string in which everything beyond ASCII is escaped.
func ascii(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	for _, r := range string(quoted) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r > 0xffff:
			r -= 0x10000
			b = unit(unit(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			b = unit(b, r)
		}
	}
	return b
}

func unit(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
