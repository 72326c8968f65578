package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/explain"
	captures "countersign.dev/internal/explain/capture"
)

// maxOwners is how many requests are remembered whose owner stands in no line of the record. It is what all stores of an
// environment keep by default.
const maxOwners = 2000

// owners remembers whose the kept requests are that were refused before their credential was looked up: the record does not say it.
// It is forgotten with the process; then such a request is explained to its owner alone.
type owners struct {
	of    map[string]string // credential by request id
	order []string
}

// note remembers one. The oldest gives way.
func (o *owners) note(requestID, credential string) {
	if o.of == nil {
		o.of = map[string]string{}
	}
	if _, known := o.of[requestID]; !known {
		o.order = append(o.order, requestID)
	}
	o.of[requestID] = credential
	if len(o.order) > maxOwners {
		delete(o.of, o.order[0])
		o.order = o.order[1:]
	}
}

// maxExplained and explainedFor bound what is remembered of explanations: a page that is loaded again asks neither the disk nor the
// credential's own allowance once more.
const (
	maxExplained = 32
	explainedFor = 2 * time.Minute
)

type explainedKey struct{ environment, api, credential, requestID string }

// explanations remembers the newest ones. A report holds no secret and no MAC; a large one is not remembered.
type explanations struct {
	keys  []explainedKey // the oldest first
	texts map[explainedKey]explained
}

type explained struct {
	text json.RawMessage
	at   time.Time
}

// of is a report of the last minutes; nil: there is none.
func (e *explanations) of(key explainedKey, now time.Time) json.RawMessage {
	if one, ok := e.texts[key]; ok && now.Sub(one.at).Abs() < explainedFor {
		return one.text
	}
	return nil
}

func (e *explanations) keep(key explainedKey, text json.RawMessage, now time.Time) {
	if len(text) > 64<<10 {
		return
	}
	if e.texts == nil {
		e.texts = map[explainedKey]explained{}
	}
	if _, known := e.texts[key]; !known {
		e.keys = append(e.keys, key)
	}
	e.texts[key] = explained{text, now}
	if len(e.keys) > maxExplained {
		delete(e.texts, e.keys[0])
		e.keys = e.keys[1:]
	}
}

// offline is how to explain without a capture.
const offline = " To explain it without, put the request as it was sent into a file and run: countersign explain --profile PROFILE --request FILE --secret-file FILE."

// Explain implements admin.Explanations: what explain says of a request that an operator may read of.
func (k *captureStores) Explain(ctx context.Context, environment, api, credential, requestID string) (json.RawMessage, error) {
	if _, err := k.capturesOf(environment, api); err != nil {
		return nil, err // also of what is remembered: who switches captures off means it
	}
	key := explainedKey{environment, api, credential, requestID}
	k.mu.Lock()
	known := k.explained.of(key, k.a.now())
	k.mu.Unlock()
	if known != nil {
		return known, nil
	}
	report, err := k.explainFor(ctx, environment, api, credential, requestID)
	var none *admin.NoCapture
	switch {
	case errors.As(err, &none):
		return nil, err
	case errors.Is(err, captures.ErrTooOften):
		return nil, fmt.Errorf("%w: %w", admin.ErrExplainedTooOften, err)
	case err != nil:
		return nil, err
	}
	text := json.RawMessage(report.JSON())
	k.mu.Lock()
	defer k.mu.Unlock()
	k.explained.keep(key, text, k.a.now())
	return text, nil
}

// explainFor explains a request of a credential, both as the record or a session names them. It counts against the same bounds as
// what the credential itself asks for. Errors: *admin.NoCapture, capture.ErrTooOften, ctx's; anything else is a fault of ours.
func (k *captureStores) explainFor(ctx context.Context, environment, api, credential, requestID string) (*explain.Report, error) {
	p, err := k.capturesOf(environment, api)
	if err != nil {
		return nil, err
	}
	if credential == "" {
		k.mu.Lock()
		credential = k.owners.of[requestID]
		k.mu.Unlock()
	}
	if credential == "" {
		return nil, &admin.NoCapture{Why: "It was refused before it was known whose it is, and nothing tells it now. Its sender can ask: countersign explain --request-id " +
			requestID + " --as NAME." + offline}
	}
	report, err := p.Explain(ctx, credential, requestID)
	switch {
	case errors.Is(err, captures.ErrNone):
		return nil, &admin.NoCapture{Why: "Nothing of it is kept: it is older than environments." + environment + ".captures.keep, it was too long, or too many came at once." + offline}
	}
	return report, err
}

// capturesOf are the captures of one API of the configuration in force, or why there are none.
func (k *captureStores) capturesOf(environment, api string) (*apiCaptures, error) {
	g := k.a.current.Load()
	if g == nil {
		return nil, errors.New("explain a request: the server is starting")
	}
	for i := range g.blueprint.worlds {
		w := &g.blueprint.worlds[i]
		if w.environment != environment {
			continue
		}
		for _, p := range w.apis {
			switch {
			case p.api.Name != api:
			case w.captures == nil:
				return nil, &admin.NoCapture{Why: "Refused requests of " + environment + " are not kept. environments." + environment +
					".captures.enabled: true in the configuration keeps those to come, for a while and sealed." + offline}
			case p.source == nil:
				return nil, &admin.NoCapture{Why: "The API " + api + " is not one that is signed: there is nothing about a signature to explain."}
			default:
				store, err := k.open(w, api)
				if err != nil {
					return nil, err
				}
				return &apiCaptures{all: k, store: store.Store, environment: environment, source: *p.source, window: p.api.Window, hosts: w.hosts}, nil
			}
		}
	}
	return nil, &admin.NoCapture{Why: "The API that it was for is not served here any more." + offline}
}
