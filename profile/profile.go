package profile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"countersign.dev/scheme"
)

// Language is the newest version of the profile language that this package reads. It reads every version before it as well, each with its own meaning.
const Language = 2

// maxAlternatives bounds how many schemes one file can declare beside its own.
const maxAlternatives = 32

// ErrNoAlternative is returned by Alternative for a name that the profile does not have.
var ErrNoAlternative = errors.New("profile has no such alternative")

// Profile is one profile file: a scheme and its alternatives, all of them compiled. Immutable, safe for concurrent use.
type Profile struct {
	name, title, source string
	names               []string
	schemes             map[string]*scheme.Scheme
	definitions         map[string]scheme.Definition
}

// Parse reads a profile. The file's name is only used in errors, which are *Error with line and column. The text is untrusted: size, depth and number
// of parts are bounded. Everything is compiled at once, so that a profile with a bad alternative is refused as a whole.
func Parse(name string, text []byte) (*Profile, error) {
	r := &reader{file: path.Base(name)}
	root, err := r.document(text)
	if err != nil {
		return nil, err
	}
	fields, err := r.fields(root, topKeys, "a profile")
	if err != nil {
		return nil, err
	}
	p := &Profile{schemes: map[string]*scheme.Scheme{}, definitions: map[string]scheme.Definition{}}
	if err := r.head(p, fields); err != nil {
		return nil, err
	}
	if err = r.compile(p, "", fields, ""); err != nil {
		return nil, err
	}
	if err := r.alternatives(p, fields); err != nil {
		return nil, err
	}
	return p, nil
}

// head reads the keys that describe the file and checks that the required ones are there.
func (r *reader) head(p *Profile, fields map[string]entry) error {
	for _, key := range []string{"profile", "language", "algorithm", "message", "wire"} {
		if _, given := fields[key]; !given && !(key == "wire" && placedElsewhere(fields)) {
			return r.fail(place{1, 1}, "the key "+strconv.Quote(key)+" is missing", "")
		}
	}
	var err error
	if p.name, err = r.scalar(fields, "profile"); err != nil {
		return err
	}
	if !isName(p.name) {
		return r.fail(fields["profile"].value.at, "a profile's name is 1 to 48 of a-z, 0-9 and hyphen", "")
	}
	v := fields["language"].value
	if v.kind != integer || v.text != "1" && v.text != "2" {
		return r.fail(v.at, "unknown language version", "language: 1 or language: 2")
	}
	r.language = int(v.text[0] - '0')
	if p.title, err = r.scalar(fields, "title"); err != nil {
		return err
	}
	p.source, err = r.scalar(fields, "source")
	return err
}

// placedElsewhere says whether the file puts something on the wire that is no header.
func placedElsewhere(fields map[string]entry) bool {
	for _, key := range []string{"wire_query", "wire_form", "wire_json"} {
		if _, given := fields[key]; given {
			return true
		}
	}
	return false
}

func isName(s string) bool {
	if s == "" || len(s) > 48 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// alternatives compiles each alternative: the profile's fields with some replaced.
func (r *reader) alternatives(p *Profile, fields map[string]entry) error {
	e, given := fields["alternatives"]
	if !given {
		return nil
	}
	if e.value.kind != mapping || len(e.value.entries) > maxAlternatives {
		return r.fail(e.value.at, "alternatives maps at most 32 names to what differs", "lf: {message: …}")
	}
	for _, alt := range e.value.entries {
		if !isName(alt.key) {
			return r.fail(alt.at, "an alternative's name is 1 to 48 of a-z, 0-9 and hyphen", "")
		}
		own, err := r.fields(alt.value, altKeys, "an alternative")
		if err != nil {
			return err
		}
		merged := make(map[string]entry, len(fields))
		for key, field := range fields {
			merged[key] = field
		}
		for key, field := range own {
			merged[key] = field
		}
		if err = r.compile(p, alt.key, merged, "alternative "+alt.key+": "); err != nil {
			return err
		}
		p.names = append(p.names, alt.key)
	}
	return nil
}

// compile turns fields into the scheme of one alternative; the empty name is the profile's own.
func (r *reader) compile(p *Profile, alternative string, fields map[string]entry, prefix string) error {
	d := scheme.Definition{Name: p.name, Language: r.language}
	if alternative != "" {
		d.Name += "/" + alternative
	}
	var err error
	read := func(step func() error) {
		if err == nil {
			err = step()
		}
	}
	read(func() (e error) { d.Algorithm, e = r.scalar(fields, "algorithm"); return })
	read(func() (e error) { d.Message, e = r.expression(fields, "message"); return })
	read(func() (e error) { d.Key, e = r.expression(fields, "key"); return })
	read(func() (e error) { d.Signature, e = r.expression(fields, "signature"); return })
	read(func() (e error) { d.Wire, e = r.wire(fields, "wire"); return })
	read(func() (e error) { d.WireQuery, e = r.wire(fields, "wire_query"); return })
	read(func() (e error) { d.WireForm, e = r.wire(fields, "wire_form"); return })
	read(func() (e error) { d.WireJSON, e = r.wire(fields, "wire_json"); return })
	read(func() (e error) { d.Several, e = r.several(fields); return })
	read(func() (e error) { d.Vars, e = r.vars(fields); return })
	read(func() (e error) { d.Secrets, e = r.words(fields, "secrets"); return })
	read(func() (e error) { d.Checks, e = r.checks(fields); return })
	read(func() (e error) { d.Webhook, e = r.kind(fields); return })
	read(func() (e error) { d.RawTarget, e = r.target(fields); return })
	read(func() (e error) { d.Time, e = r.time(fields); return })
	read(func() (e error) { d.Nonce, e = r.nonce(fields); return })
	read(func() (e error) { d.Uncovered, e = r.uncovered(fields); return })
	read(func() (e error) { d.Ambiguous, d.Spelling, e = r.ambiguous(fields); return })
	if err != nil {
		return err
	}
	s, err := scheme.Compile(d)
	if err != nil {
		return r.locate(err, fields, prefix)
	}
	p.schemes[alternative], p.definitions[alternative] = s, d
	return nil
}

// Name is the profile's name.
func (p *Profile) Name() string { return p.name }

// Title is a line for people; it may be empty.
func (p *Profile) Title() string { return p.title }

// Source says where the facts come from; it may be empty.
func (p *Profile) Source() string { return p.source }

// Compile returns the profile's own scheme. It is compiled already, so that the error is always nil for a Profile from Parse; the zero Profile has none.
func (p *Profile) Compile() (*scheme.Scheme, error) { return p.Alternative("") }

// Alternative returns the scheme of one alternative; the empty name is the profile's own. It returns an error that wraps ErrNoAlternative, with the nearest name.
func (p *Profile) Alternative(name string) (*scheme.Scheme, error) {
	if s := p.schemes[name]; s != nil {
		return s, nil
	}
	if hint := scheme.Nearest(name, p.names); hint != "" {
		return nil, fmt.Errorf("%w: %s/%s (%s)", ErrNoAlternative, p.name, clip(name), hint)
	}
	return nil, fmt.Errorf("%w: %s/%s", ErrNoAlternative, p.name, clip(name))
}

// Names lists the alternatives in the file's order. The slice is the caller's.
func (p *Profile) Names() []string { return slices.Clone(p.names) }
