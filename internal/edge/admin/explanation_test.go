package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/edge/admin"
)

// explainer says what a test wants, and notes what it was asked.
type explainer struct {
	asked  []string
	report json.RawMessage
	err    error
}

func (e *explainer) Explain(_ context.Context, environment, name, credential, id string) (json.RawMessage, error) {
	e.asked = append(e.asked, fmt.Sprint(environment, "/", name, " ", credential, " ", id))
	return e.report, e.err
}

func TestAnExplanationIsOfTheRequestOfTheRecord(t *testing.T) {
	e := &explainer{report: json.RawMessage(`{"verdict":"explained","findings":[]}`)}
	w := newWorld(t, func(c *admin.Config) { c.Explanations = e })
	var got api.Explanation
	w.send("viewer", "GET", fmt.Sprintf("/v1/decisions/%032x/explanation", 1), nil).want(200, &got)
	if string(got.Report) != string(e.report) || got.RequestID != fmt.Sprintf("%032x", 1) || got.At.IsZero() {
		t.Errorf("answered %+v", got)
	}
	if want := fmt.Sprintf("sandbox/card crd_recorded %032x", 1); strings.Join(e.asked, ";") != want {
		t.Errorf("asked for %q, want %q", e.asked, want)
	}
}

// A request of an environment that the caller does not see, and one that never was, are the same, and nothing is read of either.
func TestAnExplanationIsScoped(t *testing.T) {
	e := &explainer{report: json.RawMessage(`{}`)}
	w := newWorld(t, func(c *admin.Config) { c.Explanations = e })
	const target = "/v1/decisions/%032x/explanation"
	hidden := w.send("sandbox", "GET", fmt.Sprintf(target, 33), nil).want(404).refused(api.NotFound)
	never := w.send("sandbox", "GET", fmt.Sprintf(target, 999), nil).want(404).refused(api.NotFound)
	if hidden.Detail != never.Detail || hidden.Title != never.Title {
		t.Errorf("%q and %q differ", hidden.Detail, never.Detail)
	}
	w.send("nobody", "GET", fmt.Sprintf(target, 1), nil).want(403)
	w.send("", "GET", fmt.Sprintf(target, 1), nil).want(401)
	if len(e.asked) > 0 {
		t.Errorf("asked %q", e.asked)
	}
	w.send("viewer", "GET", fmt.Sprintf(target, 33), nil).want(200)
}

func TestWhereNothingIsKeptItSaysWhy(t *testing.T) {
	e := &explainer{err: &admin.NoCapture{Why: "Captures are off here: environments[].captures switches them on."}}
	w := newWorld(t, func(c *admin.Config) { c.Explanations = e })
	target := fmt.Sprintf("/v1/decisions/%032x/explanation", 1)
	if p := w.send("viewer", "GET", target, nil).want(404).refused(api.NotFound); p.Detail != "Captures are off here: environments[].captures switches them on." {
		t.Errorf("says %q", p.Detail)
	}
	if p := w.send("viewer", "GET", fmt.Sprintf("/v1/decisions/%032x/explanation", 2), nil).want(404).refused(api.NotFound); !strings.Contains(p.Detail, "was let in") {
		t.Errorf("of a request that was let in: %q", p.Detail)
	}
	e.err = fmt.Errorf("explain: %w", admin.ErrExplainedTooOften)
	w.send("viewer", "GET", target, nil).want(429).refused(api.TooManyRequests)
	e.err = errors.New("the disk is gone")
	w.send("viewer", "GET", target, nil).want(503).refused(api.Unavailable)
	without := newWorld(t)
	if p := without.send("viewer", "GET", target, nil).want(404).refused(api.NotFound); !strings.Contains(p.Detail, "countersign explain") {
		t.Errorf("without explanations: %q", p.Detail)
	}
}
