package sandbox_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/sandbox"
	"github.com/google/go-cmp/cmp"
)

// now is the moment at which every test runs: 2025-11-20 08:00:00 UTC.
const now = 1763625600

func clock() time.Time { return time.Unix(now, 0) }

// door stands for the gateway: it sets the identity headers of one partner in one
// environment in front of a model.
type door struct {
	model                http.Handler
	environment, partner string
}

func aggregationDoor(t *testing.T) door {
	t.Helper()
	model, err := sandbox.NewAggregation(sandbox.Config{Environment: "sandbox", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return door{model, "sandbox", "acme"}
}

func cardDoor(t *testing.T) door {
	t.Helper()
	model, err := sandbox.NewCard(sandbox.Config{Environment: "sandbox", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return door{model, "sandbox", "acme"}
}

// answer is what came back, as far as clients look.
type answer struct {
	Status int
	Type   string
	Body   string
}

// call sends one request. Headers are "Name: value" lines; the target is put on the
// wire as it stands.
func (d door) call(method, target, body string, headers ...string) answer {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.RequestURI = target
	r.Header.Set("Countersign-Environment", d.environment)
	r.Header.Set("Countersign-Partner", d.partner)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	d.model.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Result().Body)
	return answer{w.Code, w.Header().Get("Content-Type"), string(text)}
}

// step is one request of a journey with the answer that must come, to the byte.
type step struct {
	name, method, target, body string
	want                       answer
}

func (d door) walk(t *testing.T, steps []step, headers ...string) {
	t.Helper()
	for _, s := range steps {
		got := d.call(s.method, s.target, s.body, headers...)
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("%s: %s %s (-want +got):\n%s", s.name, s.method, s.target, diff)
		}
	}
}

func ok(status int, kind, body string) answer { return answer{status, kind, body} }

const (
	jsonType = "application/json"
	xmlType  = "application/xml"
	xmlHead  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
)

func noContent() answer { return answer{Status: http.StatusNoContent} }
