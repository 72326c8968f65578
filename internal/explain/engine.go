package explain

import (
	"errors"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// Bounds of one explanation. A guess that would pass one of them is not tried, and the report says that the search is not complete.
const (
	MaxTried  = 400_000 // signatures computed
	MaxHashed = 1 << 30 // bytes that they were computed over
	MaxBody   = 1 << 20 // of a request that is searched; a longer one is only verified
	maxFound  = 8
)

// ErrInput is wrapped by Run when the question itself cannot be asked: no secret, an unknown alternative.
var ErrInput = errors.New("nothing to explain")

// Secret is one secret that the caller holds. Label says which one it is, for findings: "the previous secret".
type Secret struct {
	Label string
	Text  []byte
	Parts map[string][]byte // further parts by name; nil where the profile has none
}

// Question is everything that is known about a request. Request, Profile and one secret are required.
type Question struct {
	Observed *Observed
	Profile  *profile.Profile
	// Alternative of the profile; empty is the profile's own.
	Alternative string
	// Secrets are those that the caller holds, the one that should have been used first.
	Secrets []Secret
	// Canonical is the caller's own canonical input; nil where it is not known.
	Canonical []byte
	// At is the server's time; zero leaves freshness out.
	At time.Time
	// Window instead of the profile's own; zero: the profile's.
	Window time.Duration
	// Hosts and Prefixes are other names under which the API may have been called, such as those in front of a proxy.
	Hosts, Prefixes []string
	// Tries and Bytes bound the search more tightly than MaxTried and MaxHashed; zero: these. For a server that explains for others.
	Tries, Bytes int
}

// search is one explanation in progress.
type search struct {
	q        *Question
	scheme   *scheme.Scheme
	def      scheme.Definition
	keys     keyring
	secret   []byte
	found    []found
	tried    int
	hashed   int
	complete bool
	good     bool // the signature matches as the request stands
}

type found struct {
	a     attempt
	input []byte
}

// Run explains. It reads no clock, does no I/O, and what it computes is bounded whatever the question holds.
func Run(q *Question) (*Report, error) {
	switch {
	case q == nil || q.Observed == nil || q.Profile == nil:
		return nil, errors.Join(ErrInput, errors.New("a request and a profile are needed"))
	case len(q.Secrets) == 0 || len(q.Secrets[0].Text) == 0:
		return nil, errors.Join(ErrInput, errors.New("a secret is needed"))
	}
	s, err := q.Profile.Alternative(q.Alternative)
	if err != nil {
		return nil, err
	}
	def, err := q.Profile.Definition(q.Alternative)
	if err != nil {
		return nil, err
	}
	x := &search{q: q, scheme: s, def: def, secret: q.Secrets[0].Text, complete: true,
		keys: keyring{parts: q.Secrets[0].Parts, made: map[keyName]*scheme.Key{}}}
	report := &Report{Profile: s.Name(), Notes: q.Observed.Notes, Findings: []Finding{}}
	x.asServer(report)
	base, variants := x.variants()
	if base != nil {
		x.describe(report, base)
	}
	if report.Fault == nil {
		report.Verdict, report.Complete = Valid, true
		return report, nil
	}
	if q.Canonical != nil && len(variants) > 0 {
		x.own(report, variants[0])
	}
	x.explain(report, variants)
	return report, nil
}

// asServer says what a server finds first.
func (x *search) asServer(report *Report) {
	r := &x.q.Observed.Request
	key, err := x.scheme.NewKeyParts(x.secret, x.q.Secrets[0].Parts)
	if err != nil {
		report.Notes = append(report.Notes, "the secret does not fit the profile: "+err.Error())
	}
	var p scheme.Presented
	f := x.scheme.Parse(r, &p)
	if f == nil {
		f = x.scheme.ParseBody(r, &p)
	}
	report.KeyID = p.KeyID
	if f == nil && !x.q.At.IsZero() {
		f = x.scheme.Fresh(&p, x.q.At, x.q.Window)
	}
	if f == nil {
		f = x.scheme.Verify(&key, r, &p, nil)
	}
	if f != nil {
		report.Fault = faultOf(f)
	}
}

// describe shows the bytes that a server verifies.
func (x *search) describe(report *Report, v *variant) {
	input, ok := v.guess.Input(&v.r, &v.p)
	parts, known := v.guess.Parts(&v.r, &v.p)
	if !ok || !known {
		return
	}
	report.Input = input
	for _, p := range parts {
		report.Parts = append(report.Parts, Part(p))
	}
}

// explain searches, and gives the verdict.
func (x *search) explain(report *Report, variants []*variant) {
	for _, v := range variants {
		x.look(v)
		if len(x.found) > 0 {
			break
		}
	}
	if x.good {
		x.found = nil
		report.Notes = append(report.Notes, "the signature itself is good")
	}
	mismatch := report.Fault.Kind == scheme.FaultMismatch.String() && report.Fault.Where == ""
	if !mismatch && !x.good && len(x.found) == 0 && len(variants) > 0 {
		report.Notes = append(report.Notes, "beside that, the signature does not match, and no guess reproduces it")
	}
	for _, f := range x.found {
		report.Findings = append(report.Findings, f.finding())
	}
	report.Tried, report.Complete = x.tried, x.complete && (len(x.found) > 0 || x.good || !x.spent())
	switch {
	case len(report.Findings) > 0:
		report.Verdict = Explained
	case report.Difference != nil && report.Difference.Offset >= 0 && report.Difference.Signed:
		report.Verdict = Differs
	case !mismatch:
		report.Verdict = Form
	default:
		report.Verdict = Unexplained
	}
}

func (f *found) finding() Finding {
	out := Finding{Input: f.input, Steps: []Step{}}
	for _, c := range f.a.v.steps {
		out.Steps = append(out.Steps, c.step)
	}
	for _, c := range f.a.steps {
		out.Steps = append(out.Steps, c.step)
	}
	return out
}

// own holds the caller's canonical input against the server's.
func (x *search) own(report *Report, v *variant) {
	report.Difference = Compare(x.q.Canonical, report.Input, report.Parts)
	key := x.keys.key(v, x.secret)
	report.Difference.Signed = key != nil && v.guess.Matches(key, x.q.Canonical, &v.r, &v.p)
}
