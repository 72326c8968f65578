package console_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/internal/edge/admin"
)

// TestALongUploadIsAnsweredOverTheWire: a browser shows an answer only when it was let send everything, so a file that is too long, and
// one of somebody who may not, are read to their end before they are refused. Of somebody whose session has ended only so much is read
// as holds what was typed.
func TestALongUploadIsAnsweredOverTheWire(t *testing.T) {
	w := newWorld(t, func(_ *world, c *admin.Config) { c.Loopback = true })
	_, at := w.asked("Acme")
	form := w.get("operator", at+"/evidence").form(at+"/evidence/file").set("note", "typed with care").
		attach("file", "long.pdf", append([]byte(pdf), bytes.Repeat([]byte("x"), 24<<20)...))
	server := httptest.NewServer(w.console)
	defer server.Close()
	for who, want := range map[string]struct {
		status int
		says   string
	}{"operator": {http.StatusRequestEntityTooLarge, "longer than 10 MiB"}, "viewer": {http.StatusForbidden, "reviews.write"},
		"nobody-at-all": {http.StatusUnauthorized, "typed with care"}} {
		body, kind := form.multipart()
		r, err := http.NewRequest("POST", server.URL+at+"/evidence/file", body)
		w.must(err)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", server.URL)
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Errorf("%s hears nothing: %v", who, err)
			continue
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != want.status || !strings.Contains(string(text), want.says) || !strings.Contains(string(text), "typed with care") {
			t.Errorf("%s is answered %d, %v: %s", who, answer.StatusCode, err, text)
		}
		if answer.Close && want.status != http.StatusUnauthorized {
			t.Errorf("%s: the connection was given up with what was still to come", who)
		}
	}
}
