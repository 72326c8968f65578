package capture

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"countersign.dev/internal/explain"
)

// Path is where an API listener answers with an explanation: the request id follows.
const Path = "/.well-known/countersign/explain/"

// Answer writes what Explain returned: 200 with the report as JSON, 404 for ErrNone, 429 for ErrTooOften, and 503 without a word about the
// cause for everything else. It is never kept by a cache.
func Answer(w http.ResponseWriter, report *explain.Report, err error) {
	status, text := http.StatusOK, ""
	switch {
	case errors.Is(err, ErrNone):
		status, text = http.StatusNotFound, `{"status":"error","errors":["unknown_capture"],"message":"There is no capture of this request, or no longer."}`
	case errors.Is(err, ErrTooOften):
		status, text = http.StatusTooManyRequests, `{"status":"error","errors":["throttled"],"message":"Explanations are asked for too often."}`
		w.Header().Set("Retry-After", "60")
	case err != nil || report == nil:
		status, text = http.StatusServiceUnavailable, `{"status":"error","errors":["unavailable"],"message":"The service cannot explain at the moment."}`
	default:
		text = report.JSON()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a caller that has gone needs no explanation
}
