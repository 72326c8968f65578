package aggregation

import (
	"net/url"
	"strconv"
	"unicode/utf8"
)

const (
	// maxLimit is the longest page of any list; a larger limit is cut to it.
	maxLimit = 1000
	// customerLimit is the page length of customers and institutions unless asked.
	customerLimit = 25
	// maxNumber bounds every number in a query: the end of the year 9999 in seconds.
	maxNumber = 253402300799
)

// envelope heads every list: how many match, how many are shown, whether more follow.
type envelope struct {
	Found         int  `json:"found" xml:"found,attr"`
	Displaying    int  `json:"displaying" xml:"displaying,attr"`
	MoreAvailable bool `json:"moreAvailable" xml:"moreAvailable,attr"`
}

// page is the wanted cut: start counts from 1.
type page struct{ start, limit int64 }

// cut returns the page of all and its envelope. A start past the end shows nothing
// and is no error, so that a client may simply count on.
func cut[T any](all []T, p page) (envelope, []T) {
	n := int64(len(all))
	from := min(p.start-1, n)
	to := min(from+p.limit, n)
	return envelope{Found: int(n), Displaying: int(to - from), MoreAvailable: to < n}, all[from:to]
}

// parameters is a parsed query that remembers the first thing wrong with it, so
// that callers read what they want and ask once at the end. Parameters that nobody
// reads are tolerated.
type parameters struct {
	values url.Values
	wrong  *refusal
}

func parseQuery(raw string) *parameters {
	values, err := url.ParseQuery(raw)
	p := &parameters{values: values}
	if err != nil {
		p.wrong = bad("the query is malformed")
	}
	return p
}

// text reads a parameter; absent is empty. Doubled is refused, because two readers
// would take different ones.
func (p *parameters) text(name string) string {
	values := p.values[name]
	switch {
	case len(values) == 0:
		return ""
	case len(values) > 1:
		p.fail(name + " is given twice")
	case len(values[0]) > maxTextBytes || !utf8.ValidString(values[0]):
		p.fail(name + " is too long or not UTF-8")
	default:
		return values[0]
	}
	return ""
}

// number reads a whole number from least to maxNumber; absent or empty is otherwise.
func (p *parameters) number(name string, least, otherwise int64) int64 {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || int64(n) < least || n > maxNumber {
		p.fail(name + " is not a whole number in range")
		return otherwise
	}
	return int64(n)
}

// choice reads one of the allowed words; absent or empty is the first of them.
func (p *parameters) choice(name string, allowed ...string) string {
	text := p.text(name)
	if text == "" {
		return allowed[0]
	}
	for _, word := range allowed {
		if text == word {
			return word
		}
	}
	p.fail(name + " has an unknown value")
	return allowed[0]
}

func (p *parameters) page(limit int64) page {
	return page{start: p.number("start", 1, 1), limit: min(p.number("limit", 1, limit), maxLimit)}
}

func (p *parameters) fail(detail string) {
	if p.wrong == nil {
		p.wrong = bad(detail)
	}
}
