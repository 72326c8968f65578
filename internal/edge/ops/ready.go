package ops

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Check is one thing that the server needs, as it stands. Names are constants of the caller.
type Check struct {
	Name    string
	Cause   error // nil: it is as it should be. Its text holds no secret; it is told as one line of printable ASCII of at most 500 bytes
	Matters bool  // whether the server is not ready because of Cause; false: it serves, and the operator is told
}

// readiness is the answer of /readyz. Its names are a promise to scripts.
type readiness struct {
	Ready  bool    `json:"ready"`
	Checks []state `json:"checks"`
}

type state struct {
	Name    string `json:"name"`
	State   string `json:"state"` // ok or failing
	Matters bool   `json:"matters"`
	Cause   string `json:"cause,omitempty"`
}

// NewServer serves m and checks. checks is asked for each /readyz and must not block; where one that matters fails, the
// answer is 503. The caller serves and ends the server.
func NewServer(m *Metrics, checks func() []Check) (*http.Server, error) {
	if m == nil || checks == nil {
		return nil, errors.New("ops: metrics and readiness checks must be set")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "text/plain; charset=utf-8", []byte("live\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status, text := judge(checks())
		answer(w, status, "application/json", text)
	})
	mux.Handle("GET /metrics", m.handler())
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}, nil
}

// judge makes the answer.
func judge(checks []Check) (status int, text []byte) {
	r := readiness{Ready: true, Checks: []state{}}
	for _, c := range checks {
		s := state{Name: c.Name, State: "ok", Matters: c.Matters}
		if c.Cause != nil {
			s.State, s.Cause = "failing", oneLine(c.Cause.Error())
			r.Ready = r.Ready && !c.Matters
		}
		r.Checks = append(r.Checks, s)
	}
	status = http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	text, err := json.Marshal(r)
	if err != nil { // cannot be: names and states are plain text
		return http.StatusServiceUnavailable, []byte(`{"ready":false,"checks":[]}` + "\n")
	}
	return status, append(text, '\n')
}

// maxCause caps a cause, in bytes.
const maxCause = 500

// oneLine makes text harmless for whatever shows it: a cause may quote what stands in a file.
func oneLine(text string) string {
	text = strings.ReplaceAll(text, "\n", "; ") // causes that were joined
	if len(text) > maxCause {
		text = text[:maxCause-len("...")] + "..."
	}
	line := []byte(text)
	for i, c := range line {
		if c < ' ' || c > '~' {
			line[i] = '?'
		}
	}
	return string(line)
}

func answer(w http.ResponseWriter, status int, kind string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
