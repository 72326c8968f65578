package search

import (
	"encoding/binary"
	"time"
)

// quick fills an empty l from a line, without line feed, that is spelt in the one form in which our own writer spells it: the fields of
// audit.Decision in their order, each at most once, no text with an escape, no list, and behind them seq and chain, so that it is a line to
// package segment, too. It takes half the time of a scanner, or less, which looks for any field anywhere. At the first byte that
// surprises it gives up, and the scanner reads the line from its beginning: whatever quick accepts, the scanner accepts, and finds the same in
// it. false: it gave up, and l holds anything.
func (l *Line) quick(line []byte) bool {
	const begin, form = `{"time":"`, `2026-11-20T08:00:00.000000Z"`
	if len(line) < len(begin)+len(form) || string(line[:len(begin)]) != begin || line[len(begin)+len(form)-1] != '"' {
		return false
	}
	at, ok := writtenInstant(line[len(begin) : len(begin)+len(form)-1])
	if !ok {
		return false
	}
	l.Time = at
	i := l.quickRequest(line, len(begin)+len(form))
	i = l.quickIdentity(line, i)
	i = l.quickStory(line, i)
	i = l.quickMeasures(line, i)
	return l.Kind != Unreadable && l.quickSeal(line, i)
}

// What follows reads on at a place of a line, and returns the place behind what it took, surprised where it must not go on.

func (l *Line) quickRequest(b []byte, i int) int {
	i = quickText(b, i, &ours.requestID, &l.RequestID)
	i = quickText(b, i, &ours.environment, &l.Environment)
	i = quickText(b, i, &ours.api, &l.API)
	var decision, door []byte
	i = quickText(b, i, &ours.decision, &decision)
	l.Kind = outcome(decision)
	i = quickText(b, i, &ours.reason, &l.Reason)
	i = quickText(b, i, &ours.where, &l.Where)
	status := int64(0)
	i = quickNumber(b, i, &ours.status, &status)
	l.Status = int(status)
	i = quickText(b, i, &ours.method, &l.Method)
	i = quickText(b, i, &ours.path, &l.Path)
	i = quickText(b, i, &ours.query, &l.Query)
	i = quickText(b, i, &ours.queryDigest, &l.QueryDigest)
	i = quickText(b, i, &ours.protocol, &l.Protocol)
	return quickText(b, i, &ours.door, &door) // nobody asks for it
}

func (l *Line) quickIdentity(b []byte, i int) int {
	i = quickText(b, i, &ours.partner, &l.Partner)
	i = quickText(b, i, &ours.credential, &l.Credential)
	version := int64(0)
	i = quickNumber(b, i, &ours.version, &version)
	l.Version = int(version)
	if n := i + len(ours.proved.text); ours.proved.stands(b, i) && len(b) > n+len("false") {
		switch {
		case string(b[n:n+4]) == "true":
			l.Proved, i = true, n+4
		case string(b[n:n+5]) == "false":
			i = n + 5
		}
	}
	i = quickText(b, i, &ours.address, &l.Address)
	i = quickText(b, i, &ours.peer, &l.Peer)
	return quickText(b, i, &ours.country, &l.Country)
}

// quickStory reads what is rare. What is rarer still, such as a list, surprises.
func (l *Line) quickStory(b []byte, i int) int {
	i = quickText(b, i, &ours.derivation, &l.Derivation)
	i = quickText(b, i, &ours.other, &l.Other)
	if lead := int64(0); ours.lead.stands(b, i) {
		if i = quickSigned(b, i, &ours.lead, &lead); lead > maxLead || lead < -maxLead {
			return surprised
		}
		l.Timed, l.Lead = true, time.Duration(lead)*time.Millisecond
	}
	i = quickText(b, i, &ours.shadow, &l.Shadow)
	i = quickText(b, i, &ours.shadowProfile, &l.ShadowProfile)
	return quickText(b, i, &ours.cause, &l.Cause)
}

// What a quick number of milliseconds or microseconds may be, so that it is a time.Duration.
const (
	maxLead  = 1 << 40
	maxTaken = 1 << 50
)

func (l *Line) quickMeasures(b []byte, i int) int {
	taken := int64(0)
	if i = quickNumber(b, i, &ours.duration, &taken); taken > maxTaken {
		return surprised
	}
	l.Duration = time.Duration(taken) * time.Microsecond
	i = quickNumber(b, i, &ours.bytesIn, &l.BytesIn)
	return quickNumber(b, i, &ours.bytesOut, &l.BytesOut)
}

// quickSeal reads what the record adds: behind it the line is at its end.
func (l *Line) quickSeal(b []byte, i int) bool {
	const name, digits, end = `,"seq":`, 64, `"}`
	if i < 0 || i+len(name) > len(b) || string(b[i:i+len(name)]) != name {
		return false
	}
	seq := int64(0)
	i = wholeAt(b, i+len(name), &seq)
	l.Seq = uint64(seq)
	if seq == 0 || !ours.chain.stands(b, i) {
		return false
	}
	chain := b[i+len(ours.chain.text):]
	return len(chain) == digits+len(end) && lowerHex(chain[:digits]) && string(chain[digits:]) == end
}

// surprised is a place at which nothing stands.
const surprised = -1

// fieldName is a name as it stands in a line, from the comma to what is before the value, and the eight bytes with which it begins and
// ends.
type fieldName struct {
	first, last uint64
	text        string
	long        bool // than what first and last cover
}

func nameOf(text string) fieldName {
	b := []byte(text)
	return fieldName{first: binary.LittleEndian.Uint64(b), last: binary.LittleEndian.Uint64(b[len(b)-8:]), text: text, long: len(text) > 16}
}

// ours are the names as audit.Decision writes them.
var ours = struct {
	requestID, environment, api, decision, reason, where, status, method, path, query, queryDigest, protocol, door, partner, credential,
	version, proved, address, peer, country, derivation, other, lead, shadow, shadowProfile, cause, duration, bytesIn, bytesOut, chain fieldName
}{
	requestID: nameOf(`,"request_id":"`), environment: nameOf(`,"environment":"`), api: nameOf(`,"api":"`), decision: nameOf(`,"decision":"`),
	reason: nameOf(`,"reason":"`), where: nameOf(`,"where":"`), status: nameOf(`,"status":`), method: nameOf(`,"method":"`),
	path: nameOf(`,"path":"`), query: nameOf(`,"query":"`), queryDigest: nameOf(`,"query_digest":"`), protocol: nameOf(`,"protocol":"`),
	door: nameOf(`,"door":"`), partner: nameOf(`,"partner":"`), credential: nameOf(`,"credential":"`), version: nameOf(`,"version":`),
	proved: nameOf(`,"proved":`), address: nameOf(`,"address":"`), peer: nameOf(`,"peer":"`), country: nameOf(`,"country":"`),
	derivation: nameOf(`,"derivation":"`), other: nameOf(`,"other_environment":"`), lead: nameOf(`,"skew_ms":`), shadow: nameOf(`,"shadow":"`),
	shadowProfile: nameOf(`,"shadow_profile":"`), cause: nameOf(`,"cause":"`), duration: nameOf(`,"duration_us":`),
	bytesIn: nameOf(`,"bytes_in":`), bytesOut: nameOf(`,"bytes_out":`), chain: nameOf(`,"chain":"`),
}

// begins reports whether b may go on at i with the name: its first eight bytes do.
func (n *fieldName) begins(b []byte, i int) bool {
	return i >= 0 && i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == n.first
}

// stands reports whether b goes on at i with the name.
func (n *fieldName) stands(b []byte, i int) bool {
	if !n.begins(b, i) || i+len(n.text) > len(b) {
		return false
	}
	end := i + len(n.text)
	return binary.LittleEndian.Uint64(b[end-8:]) == n.last && (!n.long || string(b[i:end]) == n.text)
}

// quickText reads a text, if it is the field that stands next.
func quickText(b []byte, i int, name *fieldName, place *[]byte) int {
	if !name.begins(b, i) {
		return i
	}
	return textAt(b, i, name, place)
}

func textAt(b []byte, i int, name *fieldName, place *[]byte) int {
	if !name.stands(b, i) {
		return i
	}
	rest := b[i+len(name.text):]
	end := plainEnd(rest)
	if end == len(rest) || rest[end] != '"' {
		return surprised
	}
	*place = rest[:end]
	return i + len(name.text) + end + 1
}

// quickNumber reads a whole number without a sign, if it is the field that stands next.
func quickNumber(b []byte, i int, name *fieldName, place *int64) int {
	if !name.begins(b, i) {
		return i
	}
	return numberAt(b, i, name, place)
}

func numberAt(b []byte, i int, name *fieldName, place *int64) int {
	if !name.stands(b, i) {
		return i
	}
	return wholeAt(b, i+len(name.text), place)
}

// wholeAt reads digits as the scanner does.
func wholeAt(b []byte, i int, place *int64) int {
	from, v := i, int64(0)
	for i < len(b) && b[i]-'0' <= 9 {
		v = v*10 + int64(b[i]-'0')
		i++
	}
	if i == from || i-from > 18 || i-from > 1 && b[from] == '0' {
		return surprised
	}
	*place = v
	return i
}

// quickSigned reads a whole number whose name stands next.
func quickSigned(b []byte, i int, name *fieldName, place *int64) int {
	if i += len(name.text); i < len(b) && b[i] == '-' {
		i = wholeAt(b, i+1, place)
		*place = -*place
		return i
	}
	return wholeAt(b, i, place)
}
