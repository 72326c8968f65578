package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
)

// Errors of the way to a server. What the register itself refuses is the registry's own error.
var (
	ErrNotSignedIn = errors.New("the server does not know who asks")
	ErrForbidden   = errors.New("this account may not do this")
	ErrAnswer      = api.ErrAnswer
)

// Waiting is a change that was not made: it waits as a proposal until another person has approved it.
type Waiting struct{ Proposal api.Proposal }

// Error says so.
func (w *Waiting) Error() string { return "waits for approval as proposal " + w.Proposal.ID }

// Problem is what a server refused, in its own words (RFC 9457). It wraps the register's error that it stands for.
type Problem struct {
	api.Problem
	cause error
}

// Error says what is wrong, and where; where the server broke, also by which id its log has the cause.
func (p *Problem) Error() string {
	text := oneLine(p.Detail)
	if text == "" {
		text = oneLine(p.Title)
	}
	if text == "" {
		text = fmt.Sprintf("status %d %s", p.Status, http.StatusText(p.Status))
	}
	for _, one := range p.Errors {
		text = strings.TrimSuffix(text, ".") + "; " + strings.TrimPrefix(oneLine(one.Pointer)+": ", ": ") + oneLine(one.Message)
	}
	if p.Status >= 500 && p.Instance != "" {
		text += " (" + oneLine(p.Instance) + ")"
	}
	return text
}

// Unwrap is the error of the register that the problem stands for, or one of this package.
func (p *Problem) Unwrap() error { return p.cause }

// Value takes what was asked for out of an answer. A change that waits is a *Waiting, a problem a *Problem.
func Value[T any](answer api.Answer[T], err error) (T, error) {
	if err == nil && answer.Waiting != nil {
		err = &Waiting{*answer.Waiting}
	}
	return answer.Value, translate(err)
}

// Stream is Value for a body that is not JSON.
func Stream(body api.Stream, err error) (api.Stream, error) { return body, translate(err) }

func translate(err error) error {
	var said *api.Error
	if !errors.As(err, &said) {
		return err
	}
	return &Problem{said.Problem, causeOf(said)}
}

// causes are what problems mean to a command.
var causes = []struct {
	problem api.ProblemType
	cause   error
}{
	{api.NotSignedIn, ErrNotSignedIn},
	{api.Forbidden, ErrForbidden},
	{api.FourEyes, registry.ErrFourEyes},
	{api.NotFound, registry.ErrNotFound},
	{api.Conflict, registry.ErrState},
	{api.IdempotencyConflict, registry.ErrIdempotency},
	{api.Stale, registry.ErrStale},
	{api.Invalid, registry.ErrArgument},
	{api.MalformedRequest, registry.ErrArgument},
	{api.Internal, errors.New("the server broke")},
	{api.Unavailable, errors.New("the server cannot do this now")},
}

func causeOf(said *api.Error) error {
	for _, one := range causes {
		if errors.Is(said, one.problem) {
			return one.cause
		}
	}
	return nil
}

// oneLine keeps what a server says from doing anything to a terminal (security rule 34).
func oneLine(text string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(clean) > 2000 {
		clean = strings.ToValidUTF8(clean[:2000], "") + "..."
	}
	return clean
}
