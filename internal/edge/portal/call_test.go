package portal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/portal"
)

// told are the fields of a decision line whose text a partner sees; of all others nothing is shown (record 41).
var told = map[string]bool{"RequestID": true, "Environment": true, "API": true, "Method": true, "Path": true, "Where": true}

// TestOnlyWhatAPartnerMaySeeIsShown fills every text of a decision line with a word of its own and looks which of them the pages show.
// A field that is added to the line later is hidden until somebody decides otherwise.
func TestOnlyWhatAPartnerMaySeeIsShown(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	w.server = w.with(t, func(cfg *portal.Config) { cfg.Records = answering{id, c.ID} })
	for _, path := range []string{"/portal/calls", "/portal/calls/" + strings.Repeat("a", 32)} {
		body := w.get("ann", path).is(http.StatusOK).Body.String()
		line := reflect.TypeFor[search.Line]()
		for i := range line.NumField() {
			f := line.Field(i)
			if f.Type.Kind() != reflect.Slice || f.Name == "Partner" || f.Name == "Credential" || f.Name == "RequestID" || f.Name == "Reason" || f.Name == "Address" {
				continue
			}
			if strings.Contains(body, word(f.Name)) && !told[f.Name] {
				t.Errorf("%s shows the field %s of the line", path, f.Name)
			}
		}
		for _, peer := range []string{"10.9.8.7"} {
			if strings.Contains(body, peer) {
				t.Errorf("%s shows %s", path, peer)
			}
		}
	}
}

func word(field string) string { return "XX" + field + "XX" }

// answering is a record of one line in which every text is a word of its own.
type answering struct{ partner, credential string }

func (a answering) Find(context.Context, search.Query) (search.Page, error) {
	l := search.Line{Kind: search.Refuse, Time: time.Unix(1_800_000_000, 0), Proved: false, Status: 401}
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Type.Kind() == reflect.Slice {
			v.Field(i).SetBytes([]byte(word(f.Name)))
		}
	}
	l.Partner, l.Credential, l.RequestID, l.Reason = []byte(a.partner), []byte(a.credential), []byte(strings.Repeat("a", 32)), []byte("bad_signature")
	l.Address, l.Peer = []byte("203.0.113.7"), []byte("10.9.8.7")
	return search.Page{Found: []search.Found{{Line: l}}}, nil
}

// with is the portal of the same world with another configuration.
func (w *world) with(t *testing.T, change func(*portal.Config)) *portal.Server {
	t.Helper()
	cfg := w.cfg
	change(&cfg)
	s, err := portal.New(cfg)
	w.must(err)
	return s
}

// lying is a record that answers with the line of somebody else.
type lying struct{ answering }

// TestARecordThatLiesShowsNobodyAnything: lines that name another partner are not shown, whatever was asked.
func TestARecordThatLiesShowsNobodyAnything(t *testing.T) {
	w := newWorld(t, func(c *portal.Config) { c.Records = lying{answering{"ptn_other", "crd_other"}} })
	w.partner("Acme", "ann")
	w.get("ann", "/portal/calls").is(http.StatusOK, "No call with your keys").lacks(word("Path"))
	w.get("ann", "/portal/calls/"+strings.Repeat("a", 32)).is(http.StatusNotFound).lacks(word("Path"))
}

// TestEveryReasonHasWords: a refusal for any reason is told with its cause and what to do.
func TestEveryReasonHasWords(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	var lines []audit.Decision
	for n, reason := range access.Reasons() {
		lines = append(lines, aCall(n+1, id, c.ID, reason.String()))
	}
	w.called(lines...)
	for n, reason := range access.Reasons() {
		a := w.get("ann", fmt.Sprintf("/portal/calls/%032x", n+1)).is(http.StatusOK)
		if reason != access.Allowed && !strings.Contains(a.Body.String(), "What to do") {
			t.Errorf("%s: the page does not say what to do", reason)
		}
	}
	w.get("ann", "/portal/calls?result=refuse&reason=replayed").is(http.StatusOK, "Replayed").lacks("Let in</span>")
}

// TestCallsAreFilteredAndPaged: filters, pages that do not overlap, and cursors that are none.
func TestCallsAreFilteredAndPaged(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	var lines []audit.Decision
	for n := range 120 {
		d := aCall(n+1, id, c.ID, "allowed")
		if n == 7 {
			d.Address = netip.MustParseAddr("198.51.100.77")
		}
		lines = append(lines, d)
	}
	w.called(lines...)
	first := w.get("ann", "/portal/calls").is(http.StatusOK, "Next page", fmt.Sprintf("%032x", 120)).lacks(fmt.Sprintf("%032x", 70))
	href := between(first.Body.String(), `<a class="button quiet" href="`, `" rel="next"`)
	w.get("ann", strings.ReplaceAll(href, "&amp;", "&")).is(http.StatusOK, fmt.Sprintf("%032x", 70), "First page").lacks(fmt.Sprintf("%032x", 120))
	w.get("ann", "/portal/calls?address=198.51.100.0/24").is(http.StatusOK, fmt.Sprintf("%032x", 8)).lacks(fmt.Sprintf("%032x", 9))
	recent := w.get("ann", "/portal/calls?last=7d&result=allow").is(http.StatusOK, "Next page")
	href = between(recent.Body.String(), `<a class="button quiet" href="`, `" rel="next"`)
	w.clock.pass(time.Minute)
	w.get("ann", strings.ReplaceAll(href, "&amp;", "&")).is(http.StatusOK, fmt.Sprintf("%032x", 70)).lacks(fmt.Sprintf("%032x", 120))
	w.get("ann", "/portal/calls?address=nonsense").is(http.StatusUnprocessableEntity, "Write an address", `value="nonsense"`)
	w.get("ann", "/portal/calls?after=garbage").is(http.StatusNotFound)
	w.get("ann", "/portal/calls?after=1:1").is(http.StatusNotFound)
	w.get("ann", "/portal/calls?environment=production").is(http.StatusOK, "No call fits")
	w.get("ann", "/portal/calls?request="+fmt.Sprintf("%032x", 3)).leads("/portal/calls/" + fmt.Sprintf("%032x", 3))
	w.get("ann", "/portal/calls?request=../../x").leads("/portal/calls/..%2F..%2Fx")
	w.get("ann", "/portal/calls/ABC").is(http.StatusNotFound)
}

func between(text, from, to string) string {
	end := strings.Index(text, to)
	if end < 0 {
		return ""
	}
	return text[strings.LastIndex(text[:end], from)+len(from) : end]
}

// gone is a record that cannot be read.
type gone struct{}

func (gone) Find(context.Context, search.Query) (search.Page, error) {
	return search.Page{}, errors.New("disk is gone")
}

// TestTheRecordAwayIsAPage: 503, and the rest of the portal goes on.
func TestTheRecordAwayIsAPage(t *testing.T) {
	w := newWorld(t, func(c *portal.Config) { c.Records = gone{} })
	w.partner("Acme", "ann")
	w.get("ann", "/portal/calls").is(http.StatusServiceUnavailable, "Not available")
	w.get("ann", "/portal/calls/"+strings.Repeat("a", 32)).is(http.StatusServiceUnavailable)
	w.get("ann", "/portal/start").is(http.StatusOK)
	w.server = w.with(t, func(cfg *portal.Config) { cfg.Records = nil })
	w.get("ann", "/portal/calls").is(http.StatusOK, "not recorded here")
}
