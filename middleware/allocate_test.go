//go:build !race

package middleware_test

import (
	"net/http"
	"strconv"
	"testing"

	"countersign.dev/internal/edge/doortest/worldtest"
)

// TestACheckedRequestAllocatesLittle: pieces of memory for a signed GET, from the handler's first line to its last. The race detector
// empties pools, so that it is not counted there.
func TestACheckedRequestAllocatesLittle(t *testing.T) {
	const most = 14
	w := worldtest.New(t)
	checked := open(t, w).Wrap(nothing)
	r, out := signedGet(w.Keys.Good), &noWriter{http.Header{}}
	got := testing.AllocsPerRun(2000, func() {
		clear(out.header)
		checked.ServeHTTP(out, r)
	})
	if got > most {
		t.Error("pieces of memory: " + strconv.FormatFloat(got, 'f', 1, 64) + ", more than " + strconv.Itoa(most))
	}
}
