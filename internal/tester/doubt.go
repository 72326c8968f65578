package tester

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"countersign.dev/internal/explain"
	"countersign.dev/scheme"
)

// Bounds of one question to the debugger: a server explains with less effort than the partner's own machine. They are those of
// explanations of captures.
const (
	DoubtTries = 40_000
	DoubtBytes = 32 << 20
	// MaxDoubt bounds what may be pasted, in bytes: the request, and the canonical input.
	MaxDoubt = 128 << 10
)

// ErrNoSecret is for whoever looks up secrets: the key id is not one of this partner's in this environment, or the environment
// does not explain. Which of these is not told, so that nobody learns whose a key id is (security rule 9).
var ErrNoSecret = errors.New("there is no secret to explain with")

// ErrNoCapture: the request was not kept, is not this partner's, or has expired: which of these is not told.
var ErrNoCapture = errors.New("there is no such request")

// Observe reads a request as it was pasted: raw HTTP, or a curl command line, which begins with that word. world fills in what
// a raw request does not say. The text is untrusted; the error says what is wrong with it. Files that curl would read are not
// read.
func Observe(world *World, text string) (*explain.Observed, error) {
	if len(text) > MaxDoubt {
		return nil, fmt.Errorf("it has more than %d bytes", MaxDoubt)
	}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed == "" {
		return nil, errors.New("paste the request that was refused")
	}
	if word, _, _ := strings.Cut(strings.TrimPrefix(trimmed, "$ "), " "); word == "curl" || strings.HasSuffix(word, "/curl") {
		return explain.ParseCurl(strings.ReplaceAll(strings.TrimPrefix(trimmed, "$ "), "\r\n", "\n"), nil)
	}
	seen, err := explain.ParseRaw([]byte(asOnTheWire(trimmed)))
	if err != nil {
		return nil, err
	}
	if proto, _, ok := world.place(); ok && !strings.Contains(firstLine(trimmed), "://") {
		seen.Request.Scheme = proto
	}
	return seen, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// asOnTheWire gives the head the line ends of the wire. Those of the body are taken for line feeds, because forms write every
// line end as CR and LF, unless it is with CR and LF that the body has the length that the head says.
func asOnTheWire(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, body, found := strings.Cut(text, "\n\n")
	if !found {
		return strings.ReplaceAll(strings.TrimRight(head, "\n"), "\n", "\r\n") + "\r\n\r\n"
	}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ":")
		length, err := strconv.Atoi(strings.TrimSpace(value))
		if strings.EqualFold(name, "Content-Length") && err == nil && length == len(body)+strings.Count(body, "\n") {
			body = strings.ReplaceAll(body, "\n", "\r\n")
		}
	}
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body
}

// KeyID is the key id that a request names by an API's profile; empty: it names none in the profile's form.
func (a *API) KeyID(r *scheme.Request) string {
	if a.Profile == nil {
		return ""
	}
	s, err := a.Profile.Alternative(a.Alternative)
	if err != nil {
		return ""
	}
	var p scheme.Presented
	_ = s.Parse(r, &p) // a fault elsewhere in the form does not matter here
	return p.KeyID
}

// Unaided says what can be said about a request without a secret: its form, its freshness, the bytes that a server verifies,
// and where one's own differ. It depends on nothing that is stored, so that it is the same for every key id. q.Secrets is not
// looked at. The error is that of an unknown alternative.
func Unaided(q *explain.Question) (*explain.Report, error) {
	if q == nil || q.Observed == nil || q.Profile == nil {
		return nil, explain.ErrInput
	}
	s, err := q.Profile.Alternative(q.Alternative)
	if err != nil {
		return nil, err
	}
	def, err := q.Profile.Definition(q.Alternative)
	if err != nil {
		return nil, err
	}
	r := &q.Observed.Request
	report := &explain.Report{Verdict: explain.Unexplained, Profile: s.Name(), Findings: []explain.Finding{},
		Notes: append([]string(nil), q.Observed.Notes...), Complete: true}
	var p scheme.Presented
	fault := s.Parse(r, &p)
	if report.KeyID = p.KeyID; fault == nil {
		fault = s.ParseBody(r, &p)
	}
	if fault != nil {
		report.Verdict = explain.Form
	} else if !q.At.IsZero() {
		fault = s.Fresh(&p, q.At, q.Window)
	}
	if fault != nil {
		report.Fault = &explain.Fault{Kind: fault.Kind.String(), Where: fault.Where, Detail: fault.Detail}
	}
	describe(report, def, r)
	if q.Canonical != nil && report.Input != nil {
		report.Difference = explain.Compare(q.Canonical, report.Input, report.Parts)
	}
	report.Notes = append(report.Notes, "no secret was used: only what does not depend on one is said here")
	return report, nil
}

// describe shows the bytes that a server verifies.
func describe(report *explain.Report, def scheme.Definition, r *scheme.Request) {
	guess, err := scheme.Suppose(def)
	if err != nil {
		return
	}
	var p scheme.Presented
	if guess.Parse(r, &p) != nil {
		return
	}
	input, ok := guess.Input(r, &p)
	parts, known := guess.Parts(r, &p)
	if !ok || !known {
		return
	}
	report.Input = input
	for _, one := range parts {
		report.Parts = append(report.Parts, explain.Part(one))
	}
}
