package console_test

import (
	"net/url"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
)

func TestTheTailBeginsWithTheNewest(t *testing.T) {
	w := newWorld(t)
	ids := w.record.add(
		audit.Decision{Environment: "sandbox", Partner: "ptn_a", Proved: true},
		audit.Decision{Environment: "production", Reason: "bad_signature", Status: 401, Partner: `<b>"x'`})
	page := w.get("viewer", "/console/tail").want(200)
	page.says("Live tail", "bad_signature", "sandbox / card", "production / card", `<b>"x'`)
	for _, id := range ids {
		if !page.linked("/console/requests/" + id) {
			t.Errorf("no link to the story of %s", id)
		}
	}
	if !page.linked("/console/partners/ptn_a") || page.linked("/console/partners/"+url.PathEscape(`<b>"x'`)) {
		t.Error("a partner that was proved has a link, and one that was only claimed has none")
	}
	source, err := url.Parse(attr(page.id("tail"), "data-source"))
	w.must(err)
	if source.Path != "/v1/decisions/tail" || source.Query().Get("after") != "3" || source.IsAbs() {
		t.Errorf("the stream is %s, expected the one behind the newest line", source)
	}
	if page.id("tail-row") == nil || !strings.Contains(page.Body.String(), "/assets/tail.") {
		t.Error("the script or its template is missing")
	}
	for _, id := range []string{"tail-pause", "tail-clear"} {
		if !hasAttr(page.id(id), "hidden") {
			t.Errorf("the button %s, which needs a script, is shown without one", id)
		}
	}
	page.says("Load the newest again")
}

func TestTheTailKeepsItsFilters(t *testing.T) {
	w := newWorld(t)
	w.record.add(audit.Decision{Environment: "sandbox"}, audit.Decision{Environment: "sandbox", Reason: "bad_signature", Status: 401})
	page := w.get("viewer", "/console/tail?decision=refuse&environment=sandbox&ev1l=1").want(200)
	page.silent("ev1l") // no random id has a 1
	if n := strings.Count(page.Body.String(), "/console/requests/0"); n != 1 {
		t.Errorf("%d rows, expected the one that was refused", n)
	}
	source, err := url.Parse(attr(page.id("tail"), "data-source"))
	w.must(err)
	if q := source.Query(); q.Get("decision") != "refuse" || q.Get("environment") != "sandbox" || len(q) != 3 {
		t.Errorf("the stream asks for %s", source)
	}
	if here := attr(page.id("tail-reload"), "href"); strings.Contains(here, "after") || !strings.Contains(here, "decision=refuse") {
		t.Errorf("loading again leads to %s", here)
	}
	if in, err := url.Parse(attr(page.id("tail"), "data-sign-in")); err != nil || in.Path != "/sign-in/" || in.Query().Get("next") != attr(page.id("tail-reload"), "href") {
		t.Errorf("the sign-in that leads back is %s", in)
	}
}

func TestABadFilterOfTheTailComesBack(t *testing.T) {
	w := newWorld(t)
	page := w.get("viewer", "/console/tail?address=nonsense&reason=stale").want(422)
	page.says("neither an address nor a prefix")
	if attr(page.id("tail"), "data-source") != "" {
		t.Error("a stream is opened for a question that was refused")
	}
	if attr(page.id("reason"), "value") != "stale" || attr(page.id("address"), "value") != "nonsense" {
		t.Error("what was typed is lost")
	}
}

func TestTheTailIsScoped(t *testing.T) {
	w := newWorld(t)
	w.record.add(audit.Decision{Environment: "production", Partner: "ptn_hidden", Proved: true})
	w.get("sandbox", "/console/tail").want(200).silent("ptn_hidden", "production")
	w.get("nobody", "/console/tail").want(403)
	if to := w.get("", "/console/tail?decision=refuse").want(303).Header().Get("Location"); to != "/sign-in/?next=%2Fconsole%2Ftail%3Fdecision%3Drefuse" {
		t.Errorf("nobody is led to %s", to)
	}
}

func TestTheTailWhileTheStoreIsAway(t *testing.T) {
	w := newWorld(t)
	w.store.gone.Store(true)
	if page := w.get("viewer", "/console/tail").want(503); page.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
