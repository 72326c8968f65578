package explain

import (
	"encoding/json"
	"unicode/utf8"

	"countersign.dev/scheme"
)

// Verdict is the outcome of an explanation in one word.
type Verdict string

const (
	// Valid: the signature is good, and fresh if a time to judge it by was given. A refusal had another reason.
	Valid Verdict = "valid"
	// Form: the request does not have the form that the profile asks for, which a server tells exactly.
	Form Verdict = "form"
	// Explained: at least one guess reproduces the presented signature.
	Explained Verdict = "explained"
	// Differs: the caller's own canonical input was signed, and it is another one than the server's.
	Differs Verdict = "differs"
	// Unexplained: no guess reproduces the presented signature.
	Unexplained Verdict = "unexplained"
)

// Known says whether the verdict names a cause, or that there is none to be found in the signature.
func (v Verdict) Known() bool { return v != Unexplained }

// Report is what was found out about one request. It holds no MAC and no secret; the canonical input may hold personal data and is
// for the owner of the request (security rule 4).
type Report struct {
	Verdict Verdict `json:"verdict"`
	Profile string  `json:"profile"`
	KeyID   string  `json:"key_id,omitempty"`
	// Fault is what a server says first; nil where it would accept form, time and signature.
	Fault *Fault `json:"fault,omitempty"`
	// Findings are the guesses that reproduce the signature; of two that come to the same signed bytes only the first is kept.
	Findings []Finding `json:"findings"`
	// Difference is set where the caller gave its canonical input.
	Difference *Difference `json:"difference,omitempty"`
	// Input is what a server verifies, with Parts; nil where the request's form does not allow to say it.
	Input Bytes  `json:"input,omitempty"`
	Parts []Part `json:"parts,omitempty"`
	// Notes are what the text of the request does not say, or what its sender may not know.
	Notes []string `json:"notes,omitempty"`
	// Tried counts the signatures that were computed. Complete is false where a bound ended the search early.
	Tried    int  `json:"tried"`
	Complete bool `json:"complete"`
}

// Fault is a fault of form, time or signature as a server finds it.
type Fault struct {
	Kind   string `json:"kind"`
	Where  string `json:"where,omitempty"`
	Detail string `json:"detail"`
}

func faultOf(f *scheme.Fault) *Fault {
	return &Fault{f.Kind.String(), f.Where, f.Detail}
}

// Finding is one explanation that was tested: with these steps the presented signature comes out.
type Finding struct {
	Steps []Step `json:"steps"`
	// Input is what was signed, as far as it can be shown.
	Input Bytes `json:"input,omitempty"`
}

// Step is one thing that the signer did otherwise. Family and Name are stable words for programs.
type Step struct {
	Family string `json:"family"`
	Name   string `json:"name"`
	// What says what happened, Cure what to do about it. Neither holds a value of a secret.
	What string `json:"what"`
	Cure string `json:"cure"`
}

// Part is a piece of the canonical input; Name is empty for text of the profile itself.
type Part struct {
	Name  string `json:"name,omitempty"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Difference is where two canonical inputs part.
type Difference struct {
	// Offset is the index of the first byte that differs; -1 where the two are equal.
	Offset int `json:"offset"`
	// Part names the piece of the server's input in which that byte lies; "the end" where the caller's goes on behind it.
	Part string `json:"part,omitempty"`
	// Yours and Servers are the surroundings, with invisible characters made visible. Mark is the column in both of the first byte that differs.
	Yours   string `json:"yours,omitempty"`
	Servers string `json:"servers,omitempty"`
	Mark    int    `json:"mark,omitempty"`
	// Signed: the caller's input, with the given secret, gives the presented signature, so that this difference is the cause.
	Signed bool `json:"signed"`
}

// Bytes are written to JSON as a text, or, where they are no UTF-8, as an object with their base64.
type Bytes []byte

// MarshalJSON writes nil as null.
func (b Bytes) MarshalJSON() ([]byte, error) {
	switch {
	case b == nil:
		return []byte("null"), nil
	case utf8.Valid(b):
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string][]byte{"base64": b})
}

// JSON is the report as one object on one line.
func (r *Report) JSON() string {
	text, err := json.Marshal(r)
	if err != nil {
		return "{}" // a report is texts and numbers, which can always be written
	}
	return string(text)
}
