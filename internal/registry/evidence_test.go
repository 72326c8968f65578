package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func TestEvidenceComesBackAsItWas(t *testing.T) {
	w, id := atProduction(t)
	content := bytes.Repeat([]byte("%PDF-1.7 "), 1000)
	file := w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "Bericht über alles.pdf", Note: "by hand", Content: content})
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	if file.SHA256 != digest || file.Size != int64(len(content)) || file.MediaType != "application/pdf" || file.AddedBy != "operator:alice" || file.Round != 1 {
		t.Errorf("%+v", file)
	}
	row := w.last(alice, audit.EvidenceAdded, id)
	if row.Detail != fmt.Sprintf("production: %s file %q, sha256 %s, for pentest", file.ID, file.Name, digest) {
		t.Error(row.Detail)
	}
	w.clock.pass(time.Second)
	link := w.attach(id, "production", registry.EvidenceAdd{Item: "page", Name: "status page", URL: "https://status.example.com/a?b=c#d"})
	if link.Kind != partner.EvidenceLink || link.MediaType != "" || len(link.SHA256) != 64 {
		t.Errorf("%+v", link)
	}
	got, back, err := w.Evidence(ctx, file.ID)
	w.must(err)
	if got != file || !bytes.Equal(back, content) {
		t.Errorf("%+v, %d bytes", got, len(back))
	}
	got, back, err = w.Evidence(ctx, link.ID)
	w.must(err)
	if got != link || back != nil {
		t.Errorf("%+v, %q", got, back)
	}
	_, _, err = w.Evidence(ctx, "evd_none")
	w.refuse(registry.ErrNotFound, func() error { return err })
	if list := w.file(id, "production").Evidence; !slices.Equal(list, []registry.Evidence{file, link}) {
		t.Errorf("%+v", list)
	}
}

func TestEvidenceThatIsRefused(t *testing.T) {
	w, id := atProduction(t)
	pdf := []byte("%PDF-1.7")
	first := w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "a", Content: pdf})
	w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "b", Content: pdf, Supersedes: first.ID})
	for name, c := range map[string]struct {
		add  registry.EvidenceAdd
		want error
	}{
		"nothing":                {registry.EvidenceAdd{Name: "a"}, registry.ErrArgument},
		"a file and a link":      {registry.EvidenceAdd{Name: "a", Content: pdf, URL: "https://example.com"}, registry.ErrArgument},
		"no name":                {registry.EvidenceAdd{Content: pdf}, registry.ErrArgument},
		"a long name":            {registry.EvidenceAdd{Name: strings.Repeat("a", 201), Content: pdf}, registry.ErrArgument},
		"a path":                 {registry.EvidenceAdd{Name: "../a", Content: pdf}, registry.ErrArgument},
		"a path of Windows":      {registry.EvidenceAdd{Name: `a\b`, Content: pdf}, registry.ErrArgument},
		"a hidden file":          {registry.EvidenceAdd{Name: ".htaccess", Content: pdf}, registry.ErrArgument},
		"a name of two lines":    {registry.EvidenceAdd{Name: "a\nb", Content: pdf}, registry.ErrArgument},
		"a name turned around":   {registry.EvidenceAdd{Name: "a\u202efdp.exe", Content: pdf}, registry.ErrArgument},
		"a long note":            {registry.EvidenceAdd{Name: "a", Note: strings.Repeat("a", 501), Content: pdf}, registry.ErrArgument},
		"a program":              {registry.EvidenceAdd{Name: "a", Content: []byte("\x7fELF\x02\x01\x01\x00")}, registry.ErrArgument},
		"no UTF-8":               {registry.EvidenceAdd{Name: "a", Content: []byte("gr\xfc\xdfe")}, registry.ErrArgument},
		"an item that is none":   {registry.EvidenceAdd{Item: "x", Name: "a", Content: pdf}, registry.ErrArgument},
		"a system's item":        {registry.EvidenceAdd{Item: "calls", Name: "a", Content: pdf}, registry.ErrArgument},
		"a link for a file":      {registry.EvidenceAdd{Item: "pentest", Name: "a", URL: "https://example.com"}, registry.ErrArgument},
		"a file for a link":      {registry.EvidenceAdd{Item: "page", Name: "a", Content: pdf}, registry.ErrArgument},
		"in nothing's place":     {registry.EvidenceAdd{Item: "pentest", Name: "a", Content: pdf, Supersedes: "evd_none"}, registry.ErrNotFound},
		"in another item's":      {registry.EvidenceAdd{Name: "a", Content: pdf, Supersedes: first.ID}, registry.ErrNotFound},
		"in a place that is not": {registry.EvidenceAdd{Item: "pentest", Name: "a", Content: pdf, Supersedes: first.ID}, registry.ErrState},
		"a huge file":            {registry.EvidenceAdd{Name: "a", Content: bytes.Repeat([]byte("a"), partner.MaxBlob+1)}, registry.ErrArgument},
	} {
		w.refuse(c.want, func() error {
			_, err := w.AddEvidence(ctx, bob, id, "production", c.add)
			if !errors.Is(err, c.want) {
				t.Errorf("%s:", name)
			}
			return err
		})
	}
	for _, link := range []string{"http://example.com/", "https://", "https:///x", "https:example.com", "//example.com", "javascript:alert(1)",
		"https://alice:secret@example.com/", "https://alice@example.com/", "https://example.com/ a", "https://example.com/\n", "https://ex ample.com",
		"https://ex\u00e4mple.com/", `https://example.com/"onclick="`, "https://example.com/<b>", "https://example.com\\@evil.example", "https://example.com:port/",
		"https://example.com/" + strings.Repeat("a", 2000)} {
		w.refuse(registry.ErrArgument, func() error {
			_, err := w.AddEvidence(ctx, bob, id, "production", registry.EvidenceAdd{Name: "a", URL: link})
			if err == nil {
				t.Errorf("%q is a link", link)
			}
			return err
		})
	}
}

// What one partner hands in is no other's, and is no other's to supersede.
func TestEvidenceIsOfOnePartnerAndEnvironment(t *testing.T) {
	w, id := atProduction(t)
	mine := w.attach(id, "production", registry.EvidenceAdd{Name: "a", Content: []byte("the same")})
	p, err := w.CreatePartner(ctx, alice, "Other")
	w.must(err)
	w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
	for at, environment := range map[string]string{p.ID: "sandbox", id: "sandbox"} {
		if f := w.file(at, environment); len(f.Evidence)+len(f.Comments) != 0 {
			t.Errorf("%s sees %+v", environment, f.Evidence)
		}
		w.refuse(registry.ErrNotFound, func() error {
			_, err := w.AddEvidence(ctx, bob, at, environment, registry.EvidenceAdd{Name: "b", Content: []byte("x"), Supersedes: mine.ID})
			return err
		})
	}
	theirs := w.attach(p.ID, "sandbox", registry.EvidenceAdd{Name: "b", Content: []byte("the same")})
	if theirs.ID == mine.ID || theirs.SHA256 != mine.SHA256 {
		t.Errorf("%+v, %+v", mine, theirs)
	}
}

// Evidence belongs to a review that somebody asked for and that is not closed; a comment may be written on a closed one, too.
func TestEvidenceAndCommentsByState(t *testing.T) {
	for state, c := range map[partner.ReviewState]struct{ evidence, comment error }{
		"":                      {registry.ErrNotFound, registry.ErrNotFound},
		partner.ReviewRequested: {nil, nil},
		partner.ReviewStarted:   {nil, nil},
		partner.ReviewApproved:  {nil, nil},
		partner.ReviewSuspended: {nil, nil},
		partner.ReviewClosed:    {registry.ErrState, nil},
	} {
		w := newWorld(t)
		id := reach(t, w, state)
		for name, use := range map[string]struct {
			want error
			call func() error
		}{
			"evidence": {c.evidence, func() error {
				_, err := w.AddEvidence(ctx, bob, id, "sandbox", registry.EvidenceAdd{Name: "a", Content: []byte("a")})
				return err
			}},
			"a comment": {c.comment, func() error { _, err := w.AddComment(ctx, bob, id, "sandbox", "a"); return err }},
		} {
			if err := use.call(); !errors.Is(err, use.want) {
				t.Errorf("%s on %q: %v", name, state, err)
			}
		}
	}
	w := newWorld(t)
	p := w.admitted()
	w.must(w.ClosePartner(ctx, alice, p.ID, ""))
	w.refuse(registry.ErrState, func() error { _, err := w.AddComment(ctx, bob, p.ID, "sandbox", "a"); return err })
}

func TestItemsAreCheckedWhileAReviewWaits(t *testing.T) {
	for state, want := range map[partner.ReviewState]error{"": registry.ErrNotFound, partner.ReviewRequested: nil, partner.ReviewStarted: nil,
		partner.ReviewApproved: registry.ErrState, partner.ReviewSuspended: registry.ErrState, partner.ReviewClosed: registry.ErrState} {
		w := newWorld(t)
		id := reach(t, w, state)
		w.must(w.SetReviews(policies()))
		for _, done := range []bool{true, false} {
			if err := w.CheckItem(ctx, bob, id, "sandbox", registry.ReviewCheck{Item: "contract", Done: done}); !errors.Is(err, want) {
				t.Errorf("%q, %v: %v", state, done, err)
			}
		}
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	w, id := atProduction(t)
	big := registry.EvidenceAdd{Name: "big", Content: bytes.Repeat([]byte("a"), partner.MaxBlob)}
	for i := range 5 {
		big.Content[0] = byte('a' + i)
		w.attach(id, "production", big)
	}
	w.refuse(registry.ErrState, func() error {
		_, err := w.AddEvidence(ctx, bob, id, "production", registry.EvidenceAdd{Name: "a", Content: []byte("a")})
		return err
	})
	for range registry.MaxEvidence - 5 {
		w.attach(id, "production", registry.EvidenceAdd{Name: "link", URL: "https://example.com/"})
	}
	more := func() error {
		_, err := w.AddEvidence(ctx, bob, id, "production", registry.EvidenceAdd{Name: "a", URL: "https://example.com/"})
		return err
	}
	w.refuse(registry.ErrState, more)
	w.must(w.WithdrawReview(ctx, alice, id, "production", ""))
	w.must(w.RequestReview(ctx, alice, id, "production", ""))
	w.must(more())
	if f := w.file(id, "production"); len(f.Evidence) != registry.MaxEvidence+1 || f.Evidence[len(f.Evidence)-1].Round != 2 {
		t.Errorf("%d pieces", len(f.Evidence))
	}
}

func TestComments(t *testing.T) {
	w, id := reviewed(t)
	text := "First line,\n\tsecond \u2013 that is all."
	c, err := w.AddComment(ctx, bob, id, "sandbox", text)
	w.must(err)
	if row := w.last(bob, audit.CommentAdded, id); row.Detail != "sandbox: "+c.ID+": First line,  second \u2013 that is all." {
		t.Errorf("%q", row.Detail)
	}
	w.clock.pass(time.Second)
	_, err = w.AddComment(ctx, bob, id, "sandbox", strings.Repeat("\u00e4", registry.MaxCommentText))
	w.must(err)
	if list := w.file(id, "sandbox").Comments; len(list) != 2 || list[0] != c || list[0].Text != text {
		t.Errorf("%d comments, the first %+v", len(list), list[0])
	}
	for _, bad := range []string{"", " \n", "a\x00", "a\rb", "\u202eevil", "a\u2028b", "\xff", strings.Repeat("a", registry.MaxCommentText+1)} {
		w.refuse(registry.ErrArgument, func() error { _, err := w.AddComment(ctx, bob, id, "sandbox", bad); return err })
	}
	for i := range registry.MaxComments - 2 {
		w.clock.pass(time.Second)
		_, err := w.AddComment(ctx, bob, id, "sandbox", fmt.Sprint(i))
		w.must(err)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.AddComment(ctx, bob, id, "sandbox", "one more"); return err })
}

// What the system saw is written when it says something new, or when an hour has gone by.
func TestCollectedEvidenceIsKeptWhenItIsNews(t *testing.T) {
	w, id := reviewed(t)
	collect := func(c partner.Collected, news bool) {
		t.Helper()
		before := len(w.rows())
		kept, err := w.CollectEvidence(ctx, robot, id, "sandbox", c)
		w.must(err)
		if kept != news || len(w.rows())-before != map[bool]int{true: 1}[news] {
			t.Errorf("kept %v, %d rows", kept, len(w.rows())-before)
		}
	}
	collect(partner.Collected{At: w.clock.now()}, true)
	collect(partner.Collected{At: w.clock.now()}, false)
	first := called(w, 1, 1, "192.0.2.1")
	collect(first, true)
	w.clock.pass(59 * time.Minute)
	collect(called(w, 40, 40, "192.0.2.1"), false)
	w.clock.pass(time.Minute)
	collect(called(w, 50, 50, "192.0.2.1"), true)
	w.clock.pass(400 * 24 * time.Hour)
	collect(partner.Collected{At: w.clock.now()}, true) // the record does not reach back any more
	f := w.file(id, "sandbox")
	if len(f.Facts) != 1 || f.Facts[0].Environment != "sandbox" || !f.Facts[0].FirstCall.Equal(first.FirstCall) || f.Facts[0].Calls != 50 {
		t.Errorf("%+v", f.Facts)
	}
	w.refuse(partner.ErrInvalid, func() error {
		_, err := w.CollectEvidence(ctx, robot, id, "sandbox", partner.Collected{Calls: 1})
		return err
	})
	w.refuse(registry.ErrNotFound, func() error { _, err := w.CollectEvidence(ctx, robot, id, "pilot", first); return err })
	w.refuse(registry.ErrNotFound, func() error { _, err := w.CollectEvidence(ctx, robot, "ptn_none", "sandbox", first); return err })
}
