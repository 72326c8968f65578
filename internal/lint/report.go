package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is.
type Severity string

const (
	// Error: the profile accepts what its own words exclude. It must not be used.
	Error Severity = "error"
	// Warn: the profile says so itself, or is weak in a way that one can decide to live with.
	Warn Severity = "warn"
	// Info: worth knowing.
	Info Severity = "info"
)

// Finding is one thing that is wrong with a scheme, or worth knowing about it.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code is a stable word for programs.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Hint says how to mend it; it may be empty.
	Hint string `json:"hint,omitempty"`
	// Example names the example that showed it; empty where none is needed.
	Example string `json:"example,omitempty"`
}

// Report is what was found out about one scheme: a profile or one of its alternatives.
type Report struct {
	Scheme   string    `json:"scheme"`
	Findings []Finding `json:"findings"`
	// Examples were attacked, with so many Mutations; Pairs is how many requests were held against another one for a shared canonical input.
	Examples  int `json:"examples"`
	Mutations int `json:"mutations"`
	Pairs     int `json:"pairs"`
}

// Errors counts the findings that are errors.
func (r *Report) Errors() (n int) {
	for _, f := range r.Findings {
		if f.Severity == Error {
			n++
		}
	}
	return n
}

// add keeps a finding once: of several examples that show the same thing the first one is named.
func (r *Report) add(f Finding) {
	for _, have := range r.Findings {
		if have.Code == f.Code && have.Message == f.Message {
			return
		}
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) sort() {
	rank := map[Severity]int{Error: 0, Warn: 1, Info: 2}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
}

// Text is the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d examples, %d mutations, %d pairs of requests\n", r.Scheme, r.Examples, r.Mutations, r.Pairs)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %-5s %s: %s", f.Severity, f.Code, f.Message)
		if f.Example != "" {
			fmt.Fprintf(&b, " [%s]", f.Example)
		}
		b.WriteByte('\n')
		if f.Hint != "" {
			fmt.Fprintf(&b, "        %s\n", f.Hint)
		}
	}
	if len(r.Findings) == 0 {
		b.WriteString("  nothing found\n")
	}
	return b.String()
}
