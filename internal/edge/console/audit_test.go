package console_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
)

// vouched is a world whose records are verified when a test asks for it, and signed.
type vouched struct {
	*world
	records *inspect.Inspector
	signer  *checkpoint.Signer
	books   string
}

// inspector verifies the records of a world for which nothing is signed.
func (w *world) inspector() *inspect.Inspector {
	w.Helper()
	i, err := inspect.New(inspect.Config{Changes: w.Registry, Now: w.clock.now, Log: slog.New(slog.DiscardHandler),
		Decisions: []inspect.DecisionRecord{{Name: "decisions", Dir: w.record.Dir, Head: func() uint64 { return w.record.Seq }}}})
	w.must(err)
	return i
}

// newVouched makes one in which nothing was verified or signed yet.
func newVouched(t testing.TB) *vouched {
	t.Helper()
	v := &vouched{books: t.TempDir()}
	var err error
	if v.signer, err = checkpoint.NewKey(nil, filepath.Join(t.TempDir(), "key"), rand.Reader); err != nil {
		t.Fatal(err)
	}
	read := func(record string) ([]byte, error) {
		return os.ReadFile(filepath.Join(v.books, checkpoint.FileName(record)))
	}
	book := func(record string) *inspect.Book {
		return &inspect.Book{Place: "/mnt/elsewhere/" + record, Text: func() ([]byte, error) { return read(record) },
			Keys: func() ([]checkpoint.Public, error) { return []checkpoint.Public{v.signer.Public()}, nil }}
	}
	v.world = newWorld(t, func(w *world, c *admin.Config) {
		v.records, err = inspect.New(inspect.Config{Changes: w.Registry, ChangesBook: book("changes"), Now: w.clock.now, Log: slog.New(slog.DiscardHandler),
			Decisions: []inspect.DecisionRecord{{Name: "decisions", Dir: w.record.Dir, Book: book("decisions"), Head: func() uint64 { return w.record.Seq }}}})
		if err != nil {
			t.Fatal(err)
		}
		c.Records, c.Checkpoints = v.records, read
	})
	return v
}

// sign anchors both records as they stand.
func (v *vouched) sign() {
	v.Helper()
	head, err := v.Head(ctx)
	v.must(err)
	chain, err := segment.ChainAt(nil, v.record.Dir, v.record.Seq)
	v.must(err)
	for _, a := range []checkpoint.Anchor{{Record: checkpoint.Changes, ID: head.Record, Seq: head.Seq, Hash: head.Hash, At: v.clock.now()},
		{Record: checkpoint.Decisions, ID: fmt.Sprintf("%032x", 7), Seq: v.record.Seq, Hash: chain, At: v.clock.now()}} {
		b, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: v.books, Record: a.Record, Signer: v.signer, Log: slog.New(slog.DiscardHandler)})
		v.must(err)
		v.must(b.Add(func() (checkpoint.Anchor, error) { return a, nil }))
	}
}

// unmarked checks that a text of a stranger is nowhere in the source as it is: it is shown, and no markup.
func (s *shown) unmarked(text string) {
	s.w.Helper()
	if strings.Contains(s.Body.String(), text) {
		s.w.Errorf("%s %s: %q stands in the source", s.r.Method, s.r.URL, text)
	}
}

// TestVerificationInWords: not verified, verified without an anchor, anchored, and faulty; each says what it means.
func TestVerificationInWords(t *testing.T) {
	v := newVouched(t)
	v.admitted("Acme", "sandbox")
	v.record.add(audit.Decision{Environment: "sandbox"}, audit.Decision{Environment: "sandbox"})
	v.get("auditor", "/console/audit").want(http.StatusOK).says("Changes of the register", "Not verified", "not since this server began", "What the words mean",
		"Verified and anchored", "Verified, tail not anchored", "Faulty")
	v.records.Round(ctx)
	v.get("auditor", "/console/audit").want(http.StatusOK).says("up to entry 3", "no checkpoint vouches for it", "from its first line")
	v.sign()
	page := v.get("auditor", "/console/audit")
	f := page.form("/console/audit/records/decisions")
	v.post("auditor", f.action, f.Values).followed().want(http.StatusOK).says("being verified", "is being verified from its first line")
	f = page.form("/console/audit/records/changes")
	v.post("auditor", f.action, f.Values).followed().want(http.StatusOK)
	v.records.Round(ctx)
	v.get("auditor", "/console/audit").want(http.StatusOK).says("up to entry 3, by the checkpoint of 2026-11-20 10:00:00 UTC", v.signer.Public().ID(), "/mnt/elsewhere/decisions").
		silent("is no checkpoint")
	v.record.add(audit.Decision{Environment: "sandbox"})
	v.get("auditor", "/console/audit").want(http.StatusOK).says("1 entries were written since and are not verified yet")
	text, err := os.ReadFile(v.record.file)
	v.must(err)
	v.must(os.WriteFile(v.record.file, []byte(strings.Replace(string(text), "203.0.113.7", "203.0.113.8", 1)), 0o600))
	v.clock.pass(48 * time.Hour)
	v.records.Round(ctx)
	v.get("auditor", "/console/audit").want(http.StatusOK).says("What is wrong:", "this line was changed", "Keep a copy of the data folder")
}

// TestAuditIsForThoseWhoMay: the link and the page; the button for those who may export.
func TestAuditIsForThoseWhoMay(t *testing.T) {
	v := newVouched(t)
	v.people["reader"] = operator.Principal{Kind: operator.KindAccount, ID: "opr_reader", Name: "reader@example.com", SessionID: "ses_reader",
		Permissions: []operator.Permission{operator.ChangesRead}, ExpiresAt: v.clock.now().Add(time.Hour)}
	for who, may := range map[string]bool{"auditor": true, "admin": true, "reader": true, "viewer": false, "sandbox": false} {
		if got := v.get(who, "/console/").linked("/console/audit"); got != may {
			t.Errorf("%s: a link is there: %t", who, got)
		}
		for _, path := range []string{"/console/audit", "/console/changes", "/console/changes/1"} {
			s := v.get(who, path)
			if may != (s.Code == http.StatusOK || s.Code == http.StatusNotFound && path == "/console/changes/1") || !may && s.Code != http.StatusForbidden {
				t.Errorf("%s asks for %s: %d", who, path, s.Code)
			}
		}
	}
	if s := v.get("reader", "/console/audit"); s.hasForm("/console/audit/records/changes") || s.linked("/console/audit/checkpoints") {
		t.Error("who may not export has a button")
	}
	v.get("reader", "/console/audit/checkpoints").want(http.StatusForbidden)
	f := v.get("auditor", "/console/audit").form("/console/audit/records/changes")
	v.post("viewer", f.action, f.Values).want(http.StatusForbidden)
	v.post("auditor", "/console/audit/records/nothing", f.Values).want(http.StatusNotFound)
	f.Del("idempotency_key")
	v.post("auditor", f.action, f.Values).want(http.StatusBadRequest)
}

// TestCheckpointsAreListed, the newest first.
func TestCheckpointsAreListed(t *testing.T) {
	v := newVouched(t)
	v.get("auditor", "/console/audit/checkpoints").want(http.StatusOK).says("signs no checkpoints")
	for range 3 {
		v.admitted("Acme " + v.clock.now().Format("150405"))
		v.record.add(audit.Decision{Environment: "sandbox"})
		v.sign()
		v.clock.pass(time.Minute)
	}
	s := v.get("auditor", "/console/audit/checkpoints?record=decisions").want(http.StatusOK).says(v.signer.Public().ID(), "2026-11-20 10:02:00 UTC")
	if text := s.main(); strings.Index(text, "10:02:00") > strings.Index(text, "10:00:00") || !s.linked("/v1/checkpoints") {
		t.Error(text)
	}
	v.get("auditor", "/console/audit/checkpoints?record=%3Cb%3E").want(http.StatusOK).says("2026-11-20 10:02:00 UTC").silent("<b>")
}

// TestChangesAreSearchedAndShown: filters, pages, one change with its place in the chain.
func TestChangesAreSearchedAndShown(t *testing.T) {
	v := newVouched(t)
	acme := v.admitted(`"><script>alert(1)</script>`, "sandbox")
	for i := range 60 {
		v.admitted(fmt.Sprint("Partner ", i))
	}
	s := v.get("auditor", "/console/changes").want(http.StatusOK).says("partner.created", "operator:alice")
	if n := len(s.nodes("tr")); n != 51 {
		t.Errorf("%d rows", n)
	}
	next := ""
	for href, text := range s.links() {
		if text == "Next page" {
			next = href
		}
	}
	s = v.get("auditor", next).want(http.StatusOK).says("review.requested")
	s.unmarked("<script>alert")
	if !s.linked("/console/changes") {
		t.Error("no way back to the first page")
	}
	s = v.get("auditor", "/console/changes?partner="+acme+"&kind=review").want(http.StatusOK).says("review.approved", "An export cannot be limited to a partner")
	if n := len(s.nodes("tr")); n != 3 {
		t.Errorf("%d rows", n)
	}
	v.get("auditor", "/console/changes?actor=operator:bob&from=2026-11-20&to=2026-11-21T00:00").want(http.StatusOK).says("review.approved").silent("partner.created</code>")
	v.get("auditor", "/console/changes?actor=nobody").want(http.StatusOK).says("No change fits these filters")
	v.get("auditor", "/console/changes?from=tomorrow&actor=kept").want(http.StatusUnprocessableEntity).says("This is no time", "Nothing was changed").silent("No change fits")
	if got := attr(v.get("auditor", "/console/changes?from=tomorrow&actor=kept").id("actor"), "value"); got != "kept" {
		t.Errorf("what was typed is lost: %q", got)
	}
	v.get("auditor", "/console/changes?action=no.such").want(http.StatusUnprocessableEntity).says("no.such")
	v.get("auditor", "/console/changes?after=forged").want(http.StatusUnprocessableEntity)
	one := v.get("auditor", "/console/changes/3").want(http.StatusOK).says("Change 3", "review.approved", "Its place in the chain", "Hash before", "Not verified")
	if !one.linked("/console/changes/2") || !one.linked("/console/changes/4") || !one.linked("/console/partners/"+acme) {
		t.Errorf("%v", one.links())
	}
	v.get("auditor", "/console/changes/1").want(http.StatusOK).says("this is the first entry").unmarked("<script>alert")
	for _, path := range []string{"/console/changes/0", "/console/changes/99999", "/console/changes/x", "/console/changes/999999999999999999999", "/console/changes/-1"} {
		v.get("auditor", path).want(http.StatusNotFound)
	}
	v.sign()
	v.records.Round(ctx)
	v.get("auditor", "/console/changes").says("Verified and anchored", "a checkpoint vouches for the first")
	v.get("auditor", "/console/changes/3").says("Verified and anchored", "a signed checkpoint vouches for it")
	v.admitted("After")
	v.get("auditor", "/console/changes/64").want(http.StatusOK).says("Not verified yet")
}

// TestEveryKindOfChangeCanBeChosen: a new kind of action gets its word.
func TestEveryKindOfChangeCanBeChosen(t *testing.T) {
	v := newVouched(t)
	s := v.get("auditor", "/console/changes")
	known := map[string]bool{}
	for _, n := range s.nodes("option") {
		known[attr(n, "value")] = true
	}
	for _, action := range audit.Actions() {
		if kind, _, _ := strings.Cut(string(action), "."); !known[kind] {
			t.Errorf("%s: its kind is not on the page", action)
		}
	}
}

// TestDecisionsAreSearched: filters, pages, exports for those who may, and only what the visitor sees.
func TestDecisionsAreSearched(t *testing.T) {
	v := newVouched(t)
	v.get("viewer", "/console/decisions").want(http.StatusOK).says("Nothing was decided yet")
	var many []audit.Decision
	for i := range 60 {
		many = append(many, audit.Decision{Environment: "sandbox", Partner: "ptn_a", Credential: "crd_a", Proved: i%2 == 0})
	}
	ids := v.record.add(append(many, audit.Decision{Environment: "production", Reason: "bad_signature", Status: 401, Partner: "ptn_<b>"})...)
	s := v.get("viewer", "/console/decisions").want(http.StatusOK).says("bad_signature", "claimed and not proved")
	if n := len(s.nodes("tr")); n != 51 || !s.linked("/console/requests/"+ids[60]) || s.linked("/v1/decisions/export") || !s.linked("/console/partners/ptn_a") {
		t.Errorf("%d rows, %v", n, s.links())
	}
	for href, text := range s.links() {
		if text == "Next page" {
			s = v.get("viewer", href).want(http.StatusOK)
		}
	}
	if n := len(s.nodes("tr")); n != 12 {
		t.Errorf("%d rows on the second page", n)
	}
	v.get("sandbox", "/console/decisions").want(http.StatusOK).silent("bad_signature</code>")
	v.get("viewer", "/console/decisions?reason=bad_signature&environment=production").want(http.StatusOK).says("ptn_<b>").unmarked("ptn_<b>")
	v.get("viewer", "/console/decisions?address=198.51.100.0/24").want(http.StatusOK).says("No decision fits these filters")
	v.get("viewer", "/console/decisions?address=nowhere&reason=kept").want(http.StatusUnprocessableEntity).says("neither an address nor a prefix")
	v.get("viewer", "/console/decisions?from=x").want(http.StatusUnprocessableEntity).says("This is no time")
	v.get("viewer", "/console/decisions?decision=perhaps").want(http.StatusUnprocessableEntity)
	s = v.get("auditor", "/console/decisions?decision=refuse&from=2026-11-20T08:00:01&order=oldest").want(http.StatusOK)
	if !s.linked("/v1/decisions/export") {
		t.Error("an auditor cannot export")
	}
	for href := range s.links() {
		if strings.HasPrefix(href, "/v1/decisions/export?format=csv") && (!strings.Contains(href, "from=2026-11-20T08%3A00%3A01Z") || strings.Contains(href, "order")) {
			t.Error(href)
		}
	}
	v.get("nobody", "/console/decisions").want(http.StatusForbidden)
	if to := v.get("viewer", "/console/decisions/"+ids[0]).want(http.StatusSeeOther).Header().Get("Location"); to != "/console/requests/"+ids[0] {
		t.Error(to)
	}
}

// TestTheRecordGoesAway: a clear page, and nothing is claimed.
func TestTheRecordGoesAway(t *testing.T) {
	w := newWorld(t, func(_ *world, c *admin.Config) { c.Records = nil })
	w.get("auditor", "/console/audit").want(http.StatusServiceUnavailable).says("does not verify its records")
	w.get("auditor", "/console/changes").want(http.StatusOK).silent("Verified and anchored")
	w.store.gone.Store(true)
	for _, path := range []string{"/console/audit", "/console/changes", "/console/changes/1", "/console/decisions"} {
		if s := w.get("auditor", path); s.Code != http.StatusServiceUnavailable || s.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", path, s.Code, s.Header())
		}
	}
}
