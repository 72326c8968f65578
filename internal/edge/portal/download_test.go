package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/partnerfile"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
)

// TestFilesAreForThoseWhoHaveAReview: profile and template of a caller file, only where the partner has asked for access; both are read
// back by what they are for.
func TestFilesAreForThoseWhoHaveAReview(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	paths := []string{"/portal/start/sandbox/profile/card", "/portal/start/sandbox/caller/card", "/portal/start/sandbox/caller/aggregation"}
	for _, path := range paths {
		w.get("ann", path).is(http.StatusNotFound)
	}
	w.get("ann", "/portal/start/sandbox").is(http.StatusOK).lacks("X-Api-Key", "https://sandbox.example.com")
	w.post("ann", "/portal/start/sandbox/review", key())
	for _, path := range paths {
		w.get("ann", path).is(http.StatusOK)
	}
	if _, err := profile.Parse("card.yaml", w.get("ann", paths[0]).Body.Bytes()); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/portal/start/sandbox/profile/aggregation", "/portal/start/sandbox/profile/none", "/portal/start/none/profile/card", "/portal/start/production/profile/card"} {
		w.get("ann", path).is(http.StatusNotFound)
	}
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	a := w.get("ann", paths[1]).is(http.StatusOK, c.KeyID)
	entries, err := partnerfile.Parse("callers.yaml", a.Body.Bytes())
	if err != nil || len(entries) != 1 || entries[0].KeyID != c.KeyID || len(entries[0].Secret) > 0 || entries[0].Base.Host != "sandbox.example.com" {
		t.Errorf("%v %+v", err, entries)
	}
}

// TestEveryShippedProfileHasWords: the page of an environment describes each profile that a request can be admitted with.
func TestEveryShippedProfileHasWords(t *testing.T) {
	for _, name := range library.Names() {
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, alternative := range append(p.Names(), "") {
			s, err := p.Alternative(alternative)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorldWith(t, p, alternative)
			a := w.get("ann", "/portal/start/sandbox").is(http.StatusOK, "What is signed", "<dt>Key</dt>")
			for _, header := range s.Headers() {
				if !strings.Contains(strings.ToLower(a.Body.String()), strings.ToLower(header)) {
					t.Errorf("%s/%s: the page lacks the header %s", name, alternative, header)
				}
			}
			if alternative == "" && name == "finci" {
				a.is(http.StatusOK, "path and query, exactly as they stand in the request line", "nothing: one directly after the other")
			}
		}
	}
}

var described *world

// newWorldWith is a world whose sandbox has an API of that profile.
func newWorldWith(t *testing.T, p *profile.Profile, alternative string) *world {
	t.Helper()
	if described == nil || described.TB != testing.TB(t) {
		described = newWorld(t)
		described.partner("Acme", "ann")
		described.post("ann", "/portal/start/sandbox/review", key())
	}
	s, err := p.Alternative(alternative)
	described.must(err)
	places := places(t)
	places[0].APIs[0].Profile, places[0].APIs[0].Alternative, places[0].APIs[0].Scheme = p, alternative, s
	described.server = described.with(t, func(c *portal.Config) { c.Environments = func() []portal.Environment { return places } })
	return described
}
