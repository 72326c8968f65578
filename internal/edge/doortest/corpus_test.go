package doortest_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/edge/doortest/worldtest"
	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// outcome is everything that one door made of one case.
type outcome struct {
	doortest.Outcome
	arrived []arrival
	body    string // of a refusal, without what differs from request to request
}

// through sends the whole corpus through a door.
func through(t *testing.T, d *door, keys doortest.Keys) map[string]outcome {
	t.Helper()
	keys.Host = d.addr
	keys.App.Token = d.token(t, &keys)
	d.behind.take()
	keys.Now = time.Now().Unix()
	all, answers := map[string]outcome{}, map[string]answer{}
	for _, c := range doortest.Corpus() {
		raw := c.Raw(&keys)
		if c.Twice {
			d.send(t, &c, raw)
			d.behind.take()
		}
		a := d.send(t, &c, raw)
		answers[c.Name] = a
		o := outcome{arrived: d.behind.take()}
		o.Status, o.Passed = a.status, len(o.arrived) > 0
		all[c.Name] = o
	}
	reasons := d.close()
	for name, o := range all {
		o.Reason = reasons[answers[name].id]
		if o.body = answers[name].body; o.Status < 300 {
			o.body = ""
		}
		o.body = doortest.Plain(o.body)
		all[name] = o
	}
	return all
}

// TestTheGatewayDecidesTheCorpus: what the corpus says of the gateway is what the gateway does.
func TestTheGatewayDecidesTheCorpus(t *testing.T) {
	w := worldtest.New(t)
	got := through(t, openGateway(t, w), w.Keys)
	seen := map[string]bool{}
	for _, c := range doortest.Corpus() {
		if seen[c.Name] {
			t.Errorf("%s: two cases have this name", c.Name)
		}
		seen[c.Name] = true
		o := got[c.Name]
		if want := c.AtGateway(); o.Outcome != want {
			t.Errorf("%s: %+v, want %+v", c.Name, o.Outcome, want)
		}
		checkArrival(t, w, &c, o.arrived)
	}
}

// checkArrival: what arrives is the very request, with the identity of whoever made it, and nothing that it said of itself.
func checkArrival(t *testing.T, w *worldtest.World, c *doortest.Case, arrived []arrival) {
	t.Helper()
	if len(arrived) > 1 {
		t.Errorf("%s: %d requests arrived of one", c.Name, len(arrived))
	}
	if !c.Passes() || len(arrived) != 1 {
		return // whether it passes is another check
	}
	a := arrived[0]
	if a.Method != c.Method || a.Target != c.Target || a.Body != c.Body {
		t.Errorf("%s: %s %.80q %.80q arrived", c.Name, a.Method, a.Target, a.Body)
	}
	for _, want := range []string{"Countersign-Partner: " + w.Partners["good"], "Countersign-Environment: sandbox", "Countersign-Client-Address: 127.0.0.1"} {
		if !slices.Contains(a.Fields, want) {
			t.Errorf("%s: %q is not among %q", c.Name, want, a.Fields)
		}
	}
}

// TestRule16EveryDoorDecidesAlike: every door makes of every case what the gateway makes of it, or the difference is listed with its
// reason; and what is listed does differ.
func TestRule16EveryDoorDecidesAlike(t *testing.T) {
	first := worldtest.New(t)
	want := through(t, openGateway(t, first), first.Keys)
	for name, open := range map[string]func(*testing.T, *worldtest.World) *door{
		doortest.Middleware:      func(t *testing.T, w *worldtest.World) *door { return openMiddleware(t, w, true) },
		doortest.MiddlewareAlone: func(t *testing.T, w *worldtest.World) *door { return openMiddleware(t, w, false) },
	} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.New(t)
			got := through(t, open(t, w), w.Keys)
			compare(t, w, name, want, got)
		})
	}
}

func compare(t *testing.T, w *worldtest.World, door string, want, got map[string]outcome) {
	t.Helper()
	listed := doortest.DifferencesOf(door)
	for _, c := range doortest.Corpus() {
		o, d := got[c.Name], listed[c.Name]
		switch {
		case d == nil && o.Outcome != want[c.Name].Outcome:
			t.Errorf("%s: %+v, the gateway %+v; no row lists it", c.Name, o.Outcome, want[c.Name].Outcome)
		case d != nil && d.Outcome != o.Outcome:
			t.Errorf("%s: %+v, but listed is %+v", c.Name, o.Outcome, d.Outcome)
		case d != nil && o.Outcome == want[c.Name].Outcome:
			t.Errorf("%s: listed as a difference, but there is none", c.Name)
		}
		if d == nil {
			if diff := cmp.Diff(want[c.Name].body, o.body); diff != "" {
				t.Errorf("%s: another answer (-gateway +%s):\n%s", c.Name, door, diff)
			}
			if o.Passed {
				compareFields(t, c.Name, want[c.Name].arrived, o.arrived)
			}
		}
		checkArrival(t, w, &c, o.arrived)
		delete(listed, c.Name)
	}
	for name := range listed {
		t.Errorf("%s: listed as a difference, but no such case", name)
	}
}

// compareFields compares every field that arrives, but for the ids of two different registers.
func compareFields(t *testing.T, name string, want, got []arrival) {
	t.Helper()
	plain := func(all []arrival) (lines []string) {
		for _, a := range all {
			for _, f := range a.Fields {
				lines = append(lines, doortest.Plain(f))
			}
		}
		return lines
	}
	if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
		t.Errorf("%s: other fields arrive (-gateway):\n%s", name, diff)
	}
}
