package audit

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxText caps every text of a decision line, in bytes.
	maxText = 512
	// maxWarnings caps their number.
	maxWarnings = 32
	// maxTried caps the number of versions that were tried.
	maxTried = 8

	timeLayout = "2006-01-02T15:04:05.000000Z"
)

// Decision is what is kept of one request and its outcome. Empty fields are left out of the line, but for those that
// every line has: time, request id, decision, reason, status. Written by the door that served the request.
type Decision struct {
	Time        time.Time // of arrival
	RequestID   string
	Environment string
	API         string
	Allowed     bool   // let in; an upstream may have failed all the same, and Reason says so
	Reason      string // access.Reason as text
	Where       string // header or parameter that Reason is about
	Status      int    // sent to the caller; 499: it had left, and nothing was sent
	Method      string
	Path        string // of the raw target, without the query
	Query       string // of the raw target; only its keyed digest is written
	Protocol    string // "HTTP/1.1", "HTTP/2.0"
	Door        string // the kind of holder that asked for the decision: "nginx", "envoy", "middleware"; empty: the gateway
	Partner     string // row id
	Credential  string // row id, never the key id
	Version     int
	Proved      bool
	Address     netip.Addr // the caller's, as derived
	Peer        netip.Addr // the other end of the connection
	Country     string
	Derivation  string        // how Address was found, hop by hop: where it was refused, or a request that came through proxies
	Other       string        // the environment to which a misused credential belongs
	Skew        time.Duration // of a refused timestamp
	Warnings    []string
	Cause       string // of a fault of ours or of the upstream
	Duration    time.Duration
	BytesIn     int64
	BytesOut    int64

	Timed         bool          // the timestamp of a signed request was read, and Lead is written, also of one that was let in
	Lead          time.Duration // the caller's time minus ours; written in whole milliseconds
	Tried         []uint16      // the versions that a signature was compared with that nobody was admitted for, newest first
	Shadow        string        // access.ShadowResult as text
	ShadowProfile string        // written beside Shadow alone
}

// Form says what of a decision goes into its line, and as what.
type Form struct {
	Admit  bool   // the line is written before the request is forwarded: it says "admit", and nothing of an answer
	Digest []byte // keyed digest of the query as text; empty: there is none
	Plain  bool   // the query itself is written, in place of its digest
}

// AppendOpen appends d as one JSON object of plain ASCII without its closing brace, so that a record can add fields of its
// own. It has no line feed, and at most 200 KiB: every text is capped and escaped (security rule 34).
func (d *Decision) AppendOpen(b []byte, form Form) []byte {
	b = append(b, `{"time":"`...)
	b = AppendTime(b, d.Time)
	b = append(b, '"')
	b = field(b, "request_id", d.RequestID)
	b = field(b, "environment", d.Environment)
	b = field(b, "api", d.API)
	b = field(b, "decision", d.word(form.Admit))
	b = field(b, "reason", d.Reason)
	b = field(b, "where", d.Where)
	if !form.Admit {
		b = number(b, "status", int64(d.Status))
	}
	b = field(b, "method", d.Method)
	b = field(b, "path", d.Path)
	if form.Plain {
		b = field(b, "query", d.Query)
	} else if len(form.Digest) > 0 {
		b = append(append(key(b, "query_digest"), '"'), form.Digest...)
		b = append(b, '"')
	}
	b = field(b, "protocol", d.Protocol)
	b = field(b, "door", d.Door)
	b = d.appendIdentity(b)
	b = d.appendStory(b)
	if form.Admit {
		return b
	}
	b = number(b, "duration_us", d.Duration.Microseconds())
	b = number(b, "bytes_in", d.BytesIn)
	return number(b, "bytes_out", d.BytesOut)
}

// AppendTime appends t as decision lines have it: UTC, microseconds, always 27 bytes long in years of four digits.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, timeLayout)
	}
	hour, minute, second := t.Clock()
	b = append(digits2(digits2(b, year/100), year%100), '-')
	b = append(digits2(b, int(month)), '-')
	b = append(digits2(b, day), 'T')
	b = append(digits2(b, hour), ':')
	b = append(digits2(b, minute), ':')
	b = append(digits2(b, second), '.')
	micro := t.Nanosecond() / 1000
	return append(digits2(digits2(digits2(b, micro/10_000), micro/100%100), micro%100), 'Z')
}

// digits2 appends a number below 100.
func digits2(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func (d *Decision) word(admit bool) string {
	switch {
	case admit:
		return "admit"
	case d.Allowed:
		return "allow"
	}
	return "refuse"
}

func (d *Decision) appendIdentity(b []byte) []byte {
	b = field(b, "partner", d.Partner)
	b = field(b, "credential", d.Credential)
	if d.Version != 0 {
		b = number(b, "version", int64(d.Version))
	}
	if d.Partner != "" {
		b = append(b, `,"proved":`...)
		b = strconv.AppendBool(b, d.Proved)
	}
	b = address(b, "address", d.Address)
	b = address(b, "peer", d.Peer)
	return field(b, "country", d.Country)
}

func (d *Decision) appendStory(b []byte) []byte {
	b = field(b, "derivation", d.Derivation)
	b = field(b, "other_environment", d.Other)
	if d.Skew != 0 {
		b = number(b, "skew_s", int64(d.Skew/time.Second))
	}
	if len(d.Warnings) > 0 {
		b = append(b, `,"warnings":[`...)
		for i, w := range d.Warnings[:min(len(d.Warnings), maxWarnings)] {
			if i > 0 {
				b = append(b, ',')
			}
			b = text(b, w)
		}
		b = append(b, ']')
	}
	b = d.appendProof(b)
	return field(b, "cause", d.Cause)
}

// appendProof adds what is known of the signature beyond the outcome.
func (d *Decision) appendProof(b []byte) []byte {
	if d.Timed {
		b = number(b, "skew_ms", d.Lead.Milliseconds())
	}
	if len(d.Tried) > 0 {
		b = append(b, `,"tried":[`...)
		for i, v := range d.Tried[:min(len(d.Tried), maxTried)] {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, uint64(v), 10)
		}
		b = append(b, ']')
	}
	if d.Shadow != "" {
		b = field(b, "shadow", d.Shadow)
		b = field(b, "shadow_profile", d.ShadowProfile)
	}
	return b
}

// field adds a text that is not empty.
func field(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return text(key(b, name), value)
}

func number(b []byte, name string, value int64) []byte {
	return strconv.AppendInt(key(b, name), value, 10)
}

func address(b []byte, name string, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	b = append(key(b, name), '"')
	return append(a.WithZone("").AppendTo(b), '"') // a zone is any text; security rule 22 has none
}

func key(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

const hexDigits = "0123456789abcdef"

// literal are the bytes that a JSON string of ours has as they are.
var literal = func() (table [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		table[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return table
}()

// text adds value as a JSON string of plain ASCII: everything else is escaped, invalid UTF-8 becomes U+FFFD, and what is
// longer than maxText is cut and marked.
func text(b []byte, value string) []byte {
	cut := len(value) > maxText
	if cut {
		value = value[:maxText]
	}
	b = append(b, '"')
	for {
		n := 0
		for n < len(value) && literal[value[n]] {
			n++
		}
		b = append(b, value[:n]...)
		if value = value[n:]; value == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(value)
		b = escape(b, r)
		value = value[size:]
	}
	if cut {
		b = append(b, "...[cut]"...)
	}
	return append(b, '"')
}

func escape(b []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(b, '\\', byte(r))
	case r > 0xffff:
		r -= 0x10000
		return unit(unit(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	return unit(b, r)
}

func unit(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
