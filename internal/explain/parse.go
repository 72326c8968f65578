package explain

import (
	"encoding/json"
	"errors"
)

// MaxReport bounds the text of a report that ParseReport reads.
const MaxReport = 16 << 20

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	var plain *string
	if json.Unmarshal(text, &plain) == nil {
		if *b = nil; plain != nil {
			*b = []byte(*plain)
		}
		return nil
	}
	var object map[string][]byte
	if err := json.Unmarshal(text, &object); err != nil {
		return errors.New("bytes are a text, or an object with their base64")
	}
	*b = object["base64"]
	return nil
}

// ParseReport reads the JSON of a report that a server gave. It is untrusted: what is read is only good for being shown, and showing it
// does no harm.
func ParseReport(text []byte) (*Report, error) {
	var r Report
	if len(text) > MaxReport || json.Unmarshal(text, &r) != nil {
		return nil, errors.New("the answer is no report")
	}
	switch r.Verdict {
	case Valid, Form, Explained, Differs, Unexplained:
	default:
		return nil, errors.New("the answer is no report: it has no verdict that is known here")
	}
	end := 0
	for _, p := range r.Parts {
		if p.Start != end || p.End < p.Start || p.End > len(r.Input) || len(p.Name) > 4096 {
			return nil, errors.New("the answer is no report: its parts do not fit its input")
		}
		end = p.End
	}
	if d := r.Difference; d != nil && (d.Mark < 0 || d.Mark > 4096) {
		return nil, errors.New("the answer is no report: its mark is out of bounds")
	}
	if r.Verdict != Valid && r.Verdict != Unexplained && r.Fault == nil {
		return nil, errors.New("the answer is no report: it has no fault")
	}
	return &r, nil
}
