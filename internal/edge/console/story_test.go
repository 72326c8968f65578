package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
)

// explainer answers for the operators' plane, and counts.
type explainer struct {
	asked  int
	report string
	err    error
}

func (e *explainer) Explain(context.Context, string, string, string, string) (json.RawMessage, error) {
	e.asked++
	return json.RawMessage(e.report), e.err
}

func withExplainer(e *explainer) func(*world, *admin.Config) {
	return func(_ *world, c *admin.Config) { c.Explanations = e }
}

const report = `{"verdict":"explained","profile":"card","fault":{"kind":"bad_signature","detail":"it does not match"},"findings":[{"steps":[{"family":"body","name":"newline",` +
	`"what":"the body ended with a line feed <b>","cure":"sign exactly what is sent"}],"input":"POST\n/card/1"}],"input":"POST/card/1","parts":[{"name":"method","start":0,"end":4},{"name":"target","start":4,"end":11}],"tried":1200,"complete":true}`

func TestTheStoryOfARequest(t *testing.T) {
	e := &explainer{report: report}
	w := newWorld(t, withExplainer(e))
	id := w.record.add(audit.Decision{Environment: "sandbox", Reason: "bad_signature", Status: 401, Partner: "ptn_a", Credential: "crd_a",
		Address: netip.MustParseAddr("198.51.100.7"), Derivation: "connection from 10.0.0.1: a trusted proxy\n198.51.100.7: the client"})[0]
	page := w.get("viewer", "/console/requests/"+id).want(200)
	page.says("Refused", "bad_signature", id, "198.51.100.7", "a trusted proxy", "crd_a", "(claimed, not proved)", "Step by step", "The TLS connection stands", "perhaps here",
		"not reached", "What explain says about the signature", "the body ended with a line feed <b>", "sign exactly what is sent", `POST\n`, "1200 signatures were tried",
		"The line as it stands in the record")
	if page.linked("/console/partners/ptn_a") {
		t.Error("a partner that was only claimed has a link")
	}
	if e.asked != 1 {
		t.Errorf("asked %d times", e.asked)
	}
}

func TestARequestThatWasLetInIsNotExplained(t *testing.T) {
	e := &explainer{report: report}
	w := newWorld(t, withExplainer(e))
	ids := w.record.add(audit.Decision{Environment: "sandbox", Partner: "ptn_a", Proved: true, Version: 1},
		audit.Decision{Environment: "sandbox", Reason: "address_not_listed", Status: 403, Proved: true, Partner: "ptn_a"})
	w.get("viewer", "/console/requests/"+ids[0]).want(200).says("Let in", "proved it").silent("What explain says")
	w.get("viewer", "/console/requests/"+ids[1]).want(200).says("Refused").silent("What explain says")
	if !w.get("viewer", "/console/requests/"+ids[0]).linked("/console/partners/ptn_a") {
		t.Error("a partner that was proved has no link")
	}
	if e.asked != 0 {
		t.Errorf("asked %d times", e.asked)
	}
}

func TestTheStorySaysWhyThereIsNoExplanation(t *testing.T) {
	e := &explainer{err: &admin.NoCapture{Why: "Captures are off in sandbox: switch them on with captures: {enabled: true}."}}
	w := newWorld(t, withExplainer(e))
	id := w.record.add(audit.Decision{Environment: "sandbox", Reason: "bad_signature", Status: 401, Credential: "crd_a"})[0]
	w.get("viewer", "/console/requests/"+id).want(200).says("switch them on with captures").silent("Try again")
	e.err = admin.ErrExplainedTooOften
	w.get("viewer", "/console/requests/"+id).want(200).says("too often", "Try again")
	e.err = errors.New("the disk is gone")
	w.get("viewer", "/console/requests/"+id).want(200).says("Try again")
	e.err, e.report = nil, `{"verdict":7}`
	w.get("viewer", "/console/requests/"+id).want(200).says("cannot be shown here")
}

func TestTheStoryIsScoped(t *testing.T) {
	e := &explainer{report: report}
	w := newWorld(t, withExplainer(e))
	id := w.record.add(audit.Decision{Environment: "production", Reason: "bad_signature", Status: 401})[0]
	hidden := w.get("sandbox", "/console/requests/"+id).want(404)
	never := w.get("sandbox", "/console/requests/"+strings.Repeat("f", 32)).want(404)
	if hidden.text() != never.text() {
		t.Error("a request of another environment is told from one that never was")
	}
	w.get("nobody", "/console/requests/"+id).want(403)
	if e.asked != 0 {
		t.Errorf("asked %d times", e.asked)
	}
}

func TestTheStoryIsFoundByItsID(t *testing.T) {
	w := newWorld(t)
	id := w.record.add(audit.Decision{Environment: "sandbox"})[0]
	w.get("viewer", "/console/requests").want(200).says("Request id")
	if to := w.get("viewer", "/console/requests?id=+"+strings.ToUpper(id)).want(303).Header().Get("Location"); to != "/console/requests/"+id {
		t.Errorf("leads to %s", to)
	}
	w.get("viewer", "/console/requests?id=../../x").want(422).says("32 digits")
}
