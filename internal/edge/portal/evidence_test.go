package portal_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/partner"
)

// TestEvidenceIsAttachedAndGivenBack: a file and a link; the file comes back as it was, never to be shown by a browser.
func TestEvidenceIsAttachedAndGivenBack(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.post("ann", "/portal/start/sandbox/review", key()).leads("/portal/start/sandbox?done=review")
	w.get("ann", "/portal/start/sandbox?done=review").is(http.StatusOK, "You asked for access", "Yours to do")
	form := key("item", "pentest", "note", "of May")
	w.attach("ann", "sandbox", form, `C:\reports\<b>Report<b> "2026".pdf`, []byte("%PDF-1.7 <script>alert(1)</script>")).leads("/portal/start/sandbox?done=evidence")
	w.attach("ann", "sandbox", form, `C:\reports\<b>Report<b> "2026".pdf`, []byte("%PDF-1.7 <script>alert(1)</script>")).leads("/portal/start/sandbox?done=evidence")
	w.attach("ann", "sandbox", key("item", "policy", "url", "https://example.org/policy"), "", nil).leads("/portal/start/sandbox?done=evidence")
	pieces := w.view(id).Reviews[0].Evidence
	for _, r := range w.view(id).Reviews {
		if r.Environment == "sandbox" {
			pieces = r.Evidence
		}
	}
	if len(pieces) != 2 {
		t.Fatalf("%d pieces: a form that is sent twice is one", len(pieces))
	}
	if pieces[0].URL != "" { // both are of one second: their ids say which stands first
		slices.Reverse(pieces)
	}
	w.get("ann", "/portal/start/sandbox").is(http.StatusOK, "&lt;b&gt;Report", "With the operator", `href="https://example.org/policy"`).lacks("<b>Report")
	a := w.get("ann", "/portal/evidence/"+pieces[0].ID).is(http.StatusOK, "%PDF-1.7 <script>")
	if h := a.Header(); h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	w.get("ann", "/portal/evidence/"+pieces[1].ID).is(http.StatusNotFound)
}

// TestRefusedEvidenceKeepsWhatWasTyped: each fault stands beside its field, with the text that was typed, and nothing is kept.
func TestRefusedEvidenceKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.post("ann", "/portal/start/sandbox/review", key()).leads("/portal/start/sandbox?done=review")
	big := bytes.Repeat([]byte("a"), partner.MaxBlob+1)
	for name, c := range map[string]struct {
		form    []string
		file    string
		content []byte
		status  int
		text    string
	}{
		"too long":       {nil, "big.txt", big, http.StatusRequestEntityTooLarge, "longer than 10 MiB"},
		"empty":          {nil, "empty.txt", nil, http.StatusUnprocessableEntity, "The file is empty"},
		"nothing":        {nil, "", nil, http.StatusUnprocessableEntity, "Choose a file"},
		"both":           {[]string{"url", "https://example.org"}, "a.txt", []byte("a"), http.StatusUnprocessableEntity, "one at a time"},
		"a plain link":   {[]string{"url", "http://example.org"}, "", nil, http.StatusUnprocessableEntity, "beginning with https"},
		"a script":       {[]string{"url", "javascript:alert(1)"}, "", nil, http.StatusUnprocessableEntity, "beginning with https"},
		"a user in it":   {[]string{"url", "https://user@example.org"}, "", nil, http.StatusUnprocessableEntity, "beginning with https"},
		"a path as name": {[]string{"name", "../x"}, "a.txt", []byte("a"), http.StatusUnprocessableEntity, "no slash"},
		"a program":      {nil, "a.exe", []byte("MZ\x00\x01"), http.StatusUnprocessableEntity, "cannot be taken"},
		"wrong kind":     {[]string{"item", "policy"}, "a.txt", []byte("a"), http.StatusUnprocessableEntity, "takes no file"},
	} {
		t.Run(name, func(t *testing.T) {
			form := key(append([]string{"note", "typed note"}, c.form...)...)
			w.attach("ann", "sandbox", form, c.file, c.content).is(c.status, c.text, "typed note", "<details open>")
		})
	}
	for _, r := range w.view(id).Reviews {
		if len(r.Evidence) > 0 {
			t.Errorf("kept: %+v", r.Evidence)
		}
	}
}

// endless is a body that never ends, as a browser with a film would send it.
type endless struct {
	head io.Reader
	read int64
}

func (e *endless) Read(b []byte) (int, error) {
	if n, err := e.head.Read(b); err == nil {
		return n, nil
	}
	e.read += int64(len(b))
	return len(b), nil
}

// TestAnEndlessFileEnds: a body without an end is cut off, in bounded memory, with an answer.
func TestAnEndlessFileEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 300 MB")
	}
	w := newWorld(t)
	w.partner("Acme", "ann")
	head := "--B\r\nContent-Disposition: form-data; name=\"idempotency_key\"\r\n\r\nk\r\n--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\ntyped before\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"film.mp4\"\r\n\r\n"
	body := &endless{head: strings.NewReader(head)}
	w.send("ann", "POST", "/portal/start/sandbox/evidence", body, "multipart/form-data; boundary=B").is(http.StatusBadRequest, "Nothing was done", "typed before")
	if body.read > 400<<20 {
		t.Errorf("%d bytes were read", body.read)
	}
}

// FuzzForms: whatever is sent as a form, no page breaks.
func FuzzForms(f *testing.F) {
	f.Add("/start/sandbox/evidence", "multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\na\r\n--B--")
	f.Add("/start/sandbox/comment", "application/x-www-form-urlencoded", "idempotency_key=a&text=%ff%00")
	f.Add("/addresses", "application/x-www-form-urlencoded", "idempotency_key=a&environment=sandbox&prefix=::ffff:1.2.3.4/120")
	w := newWorld(f)
	w.partner("Acme", "ann")
	w.post("ann", "/portal/start/sandbox/review", key())
	f.Fuzz(func(t *testing.T, path, kind, body string) {
		if strings.ContainsAny(path, " \r\n#?%\x00") || strings.ContainsFunc(path, func(c rune) bool { return c < 0x21 || c > 0x7e }) {
			return
		}
		w.TB = t
		w.log.Reset()
		a := w.send("ann", "POST", "/portal"+path, strings.NewReader(body), strings.Map(func(c rune) rune {
			if c < 0x20 || c > 0x7e {
				return -1
			}
			return c
		}, kind))
		if a.Code >= 500 || a.Code == 0 {
			t.Errorf("status %d: %s", a.Code, w.log)
		}
	})
}

// slow is a body that stops before its last bytes until it is released.
type slow struct {
	head, tail     io.Reader
	began, release chan struct{}
	once           sync.Once
}

func (s *slow) Read(b []byte) (int, error) {
	if n, err := s.head.Read(b); err != io.EOF {
		return n, err
	}
	s.once.Do(func() { close(s.began); <-s.release })
	return s.tail.Read(b)
}

// TestOnePartnerTakesOnePlace: who sends slowly keeps out neither others nor what was typed, and a second file of the same partner waits.
func TestOnePartnerTakesOnePlace(t *testing.T) {
	w := newWorld(t)
	w.partner("Acme", "ann", "amy")
	w.partner("Second", "ben")
	w.post("ann", "/portal/start/sandbox/review", key())
	w.post("ben", "/portal/start/sandbox/review", key())
	body, kind := multipartOf(w, key("item", "pentest"), "a.txt", []byte("of ann"))
	whole, err := io.ReadAll(body)
	w.must(err)
	cut := len(whole) - 10
	s := &slow{head: bytes.NewReader(whole[:cut]), tail: bytes.NewReader(whole[cut:]), began: make(chan struct{}), release: make(chan struct{})}
	done := make(chan answer)
	go func() { done <- w.send("ann", "POST", "/portal/start/sandbox/evidence", s, kind) }()
	<-s.began
	w.attach("amy", "sandbox", key("note", "typed by amy"), "b.txt", []byte("b")).is(http.StatusServiceUnavailable, "Another file of yours", "typed by amy")
	w.attach("ben", "sandbox", key(), "b.txt", []byte("b")).leads("/portal/start/sandbox?done=evidence")
	close(s.release)
	a := <-done
	a.leads("/portal/start/sandbox?done=evidence")
	w.attach("amy", "sandbox", key(), "b.txt", []byte("b")).leads("/portal/start/sandbox?done=evidence")
}
