package http1_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestADeadlineForTheBodyKeepsTheWatch: a handler that has run for long sets one for a body that is over, as the gateway does for every
// request; it learns all the same that its caller leaves.
func TestADeadlineForTheBodyKeepsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan error, 1)
		theirs := pipedServer(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for range 50 { // the watch begins meanwhile
				if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
					t.Error(err)
				}
				time.Sleep(2 * time.Millisecond)
			}
			select {
			case <-r.Context().Done():
				gone <- nil
			case <-time.After(time.Hour):
				gone <- http.ErrHandlerTimeout
			}
		})()
		if _, err := io.WriteString(theirs, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_ = theirs.Close()
		if err := <-gone; err != nil {
			t.Error("the handler does not learn that its caller has left")
		}
	})
}
