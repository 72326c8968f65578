package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/whatif"
)

// ErrExplainedTooOften is returned by Explanations where a credential's requests are explained too often, or too many wait.
var ErrExplainedTooOften = errors.New("explanations are asked for too often")

// NoCapture is the error of Explanations where there is nothing to explain. Why is a sentence for operators: how captures are
// switched on, and how to explain without one.
type NoCapture struct{ Why string }

// Error implements error.
func (n *NoCapture) Error() string { return "no capture: " + n.Why }

// Explanations says what is wrong with the signature of a refused request, from what was kept of it. The report is the JSON of
// `countersign explain`; it holds no secret and no MAC. Errors: *NoCapture, ErrExplainedTooOften, or a fault of ours.
type Explanations interface {
	Explain(ctx context.Context, environment, apiName, credential, requestID string) (json.RawMessage, error)
}

// DecisionExplanation tells what explain says about a refused request. Who may read the decision may read this: the capture is
// found by the line of the record, in its environment and of its credential alone.
func (h handlers) DecisionExplanation(w http.ResponseWriter, r *http.Request, id api.InPathRequestID) {
	c := w.(*call)
	story, ok := c.storyOf(r.Context(), id)
	if !ok {
		return
	}
	report, err := h.explained(r.Context(), &story)
	var none *NoCapture
	switch {
	case errors.As(err, &none):
		c.refuse(refusal{kind: api.NotFound, detail: none.Why})
	case errors.Is(err, ErrExplainedTooOften):
		c.refuse(refusal{kind: api.TooManyRequests, detail: "Explanations of this credential's requests are asked for too often.", retry: 60})
	case err != nil:
		c.fail(err)
	default:
		c.json(http.StatusOK, api.Explanation{RequestID: story.RequestID, At: story.At, Report: report})
	}
}

func (h handlers) explained(ctx context.Context, s *whatif.Story) (json.RawMessage, error) {
	switch {
	case s.Allowed:
		return nil, &NoCapture{"The request was let in: there is nothing wrong with its signature, and nothing was kept of it."}
	case h.cfg.Explanations == nil:
		return nil, &NoCapture{"This server explains nothing by itself. countersign explain does, wherever the request and its secret are."}
	}
	return h.cfg.Explanations.Explain(ctx, s.Environment, s.API, s.Credential, s.RequestID)
}

// storyOf finds a request that the caller may read of; false: it has answered.
func (c *call) storyOf(ctx context.Context, id string) (whatif.Story, bool) {
	if !c.place() {
		return whatif.Story{}, false
	}
	defer c.s.heavy.Leave()
	story, err := c.s.cfg.Questions.Why(ctx, id)
	if err != nil {
		c.fail(err)
		return story, false
	}
	if !c.who.May(operator.DecisionsRead, story.Environment) || c.who.Confined() && story.Environment == "" {
		c.refuse(notFound)
		return story, false
	}
	return story, true
}
