package sandbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"countersign.dev/internal/sandbox"
	"github.com/google/go-cmp/cmp"
)

// shared is one model that serves any environment, seen by three callers.
func shared(t *testing.T, build func(sandbox.Config) (http.Handler, error)) []door {
	t.Helper()
	model, err := build(sandbox.Config{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return []door{{model, "sandbox", "acme"}, {model, "sandbox", "globex"}, {model, "production", "acme"}}
}

func TestCustomersAreApartPerPartnerAndEnvironment(t *testing.T) {
	doors := shared(t, sandbox.NewAggregation)
	const empty = `{"found":0,"displaying":0,"moreAvailable":false,"customers":[]}`
	if got := doors[0].call("POST", "/v1/customers/testing", `{"username":"ann"}`); got.Status != 201 {
		t.Fatal(got)
	}
	for _, d := range doors[1:] {
		name := d.environment + "/" + d.partner
		d.call("POST", "/v1/customers/testing", `{"username":"own"}`)
		for _, s := range []struct{ method, target, body string }{
			{"GET", "/v1/customers/" + first, ""},
			{"PUT", "/v1/customers/" + first, `{"firstName":"Mallory"}`},
			{"POST", "/v1/customers/" + first + "/accounts", ""},
			{"GET", "/v2/customers/" + first + "/transactions", ""},
			{"DELETE", "/v1/customers/" + first, ""},
		} {
			if got := d.call(s.method, s.target, s.body); got.Status != 404 {
				t.Errorf("%s: %s %s: got %v", name, s.method, s.target, got)
			}
		}
		if got := d.call("GET", "/v1/customers?username=ann", "", "Accept: application/json"); got.Body != empty {
			t.Errorf("%s sees another's customer: %v", name, got)
		}
	}
	want := ok(200, jsonType, `{"id":"`+first+`","username":"ann","type":"testing","createdDate":1763625600}`)
	if diff := cmp.Diff(want, doors[0].call("GET", "/v1/customers/"+first, "", "Accept: application/json")); diff != "" {
		t.Error(diff)
	}
}

func TestCardsAreApartPerPartnerAndEnvironment(t *testing.T) {
	doors := shared(t, sandbox.NewCard)
	doors[0].call("PATCH", "/api/v1/update-card-status/"+sandbox.DemoCardTokenID, `{"token_status":"stolen"}`)
	for i, want := range []string{"stolen", "active", "active"} {
		got := doors[i].call("GET", "/api/v1/cards/"+sandbox.DemoCardTokenID, "")
		if diff := cmp.Diff(ok(200, jsonType, oneCard(want, "digital")), got); diff != "" {
			t.Errorf("caller %d: %s", i, diff)
		}
	}
}

// TestRule07IdentityComesFromTheGatewayAlone sends what an outsider, or a wrongly
// wired gateway, could send.
func TestRule07IdentityComesFromTheGatewayAlone(t *testing.T) {
	const env, partner = "Countersign-Environment", "Countersign-Partner"
	for name, header := range map[string]http.Header{
		"no identity":         {},
		"vendor's headers":    {"Finicity-App-Key": {"k"}, "Finicity-App-Token": {"t"}, "X-Auth-Token": {"t"}},
		"no partner":          {env: {"sandbox"}},
		"no environment":      {partner: {"acme"}},
		"empty partner":       {env: {"sandbox"}, partner: {""}},
		"doubled partner":     {env: {"sandbox"}, partner: {"acme", "globex"}},
		"doubled environment": {env: {"sandbox", "production"}, partner: {"acme"}},
		"other environment":   {env: {"production"}, partner: {"acme"}},
		"blank in a name":     {env: {"sandbox"}, partner: {"ac me"}},
		"not ASCII":           {env: {"sandbox"}, partner: {"ácme"}},
		"too long":            {env: {"sandbox"}, partner: {strings.Repeat("a", 201)}},
	} {
		for _, tc := range []struct {
			d    door
			path string
			want answer
		}{
			{aggregationDoor(t), "/v1/customers", ok(401, xmlType, unauthorizedXML)},
			{cardDoor(t), "/api/v1/cards/" + sandbox.DemoCardTokenID, cardError(401, "unauthorized")},
		} {
			r := httptest.NewRequest("GET", tc.path, nil)
			r.Header = header.Clone()
			w := httptest.NewRecorder()
			tc.d.model.ServeHTTP(w, r)
			got := answer{w.Code, w.Header().Get("Content-Type"), w.Body.String()}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s, %s: %s", name, tc.path, diff)
			}
		}
	}
}

func TestBoundsRefuseClearlyAndForgetNobody(t *testing.T) {
	config := sandbox.Config{Now: clock, MaxPartners: 2, MaxCustomers: 2}
	model, err := sandbox.NewAggregation(config)
	if err != nil {
		t.Fatal(err)
	}
	cards, err := sandbox.NewCard(config)
	if err != nil {
		t.Fatal(err)
	}
	create := func(partner string) answer {
		return door{model, "sandbox", partner}.call("POST", "/v1/customers/testing", `{"username":"x"}`, "Accept: application/json")
	}
	full := refusedJSON(409, "14020", "This model upstream keeps at most 2 customers; delete some first.")
	for i, want := range []int{201, 201, 409, 409} {
		if got := create("acme"); got.Status != want || (want == 409 && got != full) {
			t.Errorf("customer %d: got %v, want %d", i, got, want)
		}
	}
	acme := door{model, "sandbox", "acme"}
	acme.call("DELETE", "/v1/customers/"+first, "")
	if got := create("acme"); got.Status != 201 || strings.Contains(got.Body, first) {
		t.Errorf("after a deletion there is room, under a new id: %v", got)
	}
	if got := create("globex"); got.Status != 201 {
		t.Errorf("another partner is not hindered: %v", got)
	}
	third := refusedJSON(503, "14020", "This model upstream keeps no more partners.")
	if diff := cmp.Diff(third, create("initech")); diff != "" {
		t.Error(diff)
	}
	if got := acme.call("GET", "/v1/customers", ""); !strings.Contains(got.Body, `found="2"`) {
		t.Errorf("a newcomer displaced somebody: %v", got)
	}
	for i, want := range []int{404, 404, 503} {
		got := door{cards, "sandbox", fmt.Sprint("partner", i)}.call("GET", "/api/v1/cards/1", "")
		if got.Status != want {
			t.Errorf("card caller %d: got %v, want %d", i, got, want)
		}
	}
}

// TestManyAtOnce is for the race detector; it also counts, so that a lost write
// shows without it.
func TestManyAtOnce(t *testing.T) {
	doors := shared(t, sandbox.NewAggregation)
	cards := shared(t, sandbox.NewCard)
	const workers, rounds = 8, 25
	var wait sync.WaitGroup
	for n := range workers {
		wait.Go(func() {
			for i := range rounds {
				journey(doors[(n+i)%len(doors)], i%5 == 0)
				d := cards[n%len(cards)]
				d.call("PATCH", "/api/v1/update-card-status/"+sandbox.DemoCardTokenID, `{"token_status":"lost"}`)
				d.call("GET", "/api/v1/cards/"+sandbox.DemoCardTokenID, "")
			}
		})
	}
	wait.Wait()
	total := 0
	for _, d := range doors {
		var found int
		if _, err := fmt.Sscanf(d.call("GET", "/v1/customers", "", "Accept: application/json").Body, `{"found":%d,`, &found); err != nil {
			t.Fatal(err)
		}
		total += found
	}
	if want := workers * rounds * 4 / 5; total != want {
		t.Errorf("got %d customers, want %d", total, want)
	}
}

// journey creates a customer, uses it and, where told, deletes it.
func journey(d door, remove bool) {
	made := d.call("POST", "/v1/customers/testing", `{"username":"x"}`, "Accept: application/json")
	var id string
	if _, err := fmt.Sscanf(made.Body, `{"id":%q,`, &id); err != nil {
		return
	}
	one := "/v1/customers/" + id
	d.call("POST", one+"/accounts", "")
	d.call("PUT", one, `{"lastName":"y"}`)
	d.call("POST", one+"/accounts/"+id+"1/transactions/historic", "")
	d.call("GET", "/v3/customers/"+id+"/transactions?limit=1", "")
	d.call("GET", "/v1/customers?search=x", "")
	if remove {
		d.call("DELETE", one, "")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, config := range map[string]sandbox.Config{
		"no clock":          {},
		"negative partners": {Now: clock, MaxPartners: -1},
	} {
		if _, err := sandbox.NewAggregation(config); err == nil {
			t.Errorf("aggregation: %s: no error", name)
		}
		if _, err := sandbox.NewCard(config); err == nil {
			t.Errorf("card: %s: no error", name)
		}
	}
	if _, err := sandbox.NewAggregation(sandbox.Config{Now: clock, MaxCustomers: -1}); err == nil {
		t.Error("negative customers: no error")
	}
}
