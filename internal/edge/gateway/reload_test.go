package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/partner"
)

// reloading is a server whose settings are exchanged while it serves: a handler over an atomic pointer. What lasts is made
// once and shared: guard, limiter, budget, records, exchange.
type reloading struct {
	current atomic.Pointer[gateway.Gateway]
	decider atomic.Pointer[access.Decider]
}

func (s *reloading) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.current.Load().ServeHTTP(w, r)
}

// Issue and Admitted are those of the decider in force, whichever one has let the caller come so far.
func (s *reloading) Issue(d *access.Decision, now time.Time) (string, error) {
	return s.decider.Load().Issue(d, now)
}

func (s *reloading) Admitted(d *access.Decision) access.Reason { return s.decider.Load().Admitted(d) }

// generation makes APIs, decider and gateway of one generation, whose APIs and upstreams are called after it.
func (d *door) generation(s *reloading, exchange *tokens.Exchange, roster *partner.Roster, name string, wrong *atomic.Int64) *gateway.Gateway {
	finci := d.set.access.APIs[0].Scheme
	card := &access.API{Name: "card-" + name, Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci,
		Limits: access.APILimits{PerPartner: &access.Rate{Rate: 1_000_000, Per: time.Second, Burst: 1_000_000}}}
	aggregation := &access.API{Name: "aggregation-" + name, Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/aggregation"}, TokenEndpoint: tokenEndpoint}
	cfg := d.set.access
	cfg.APIs = []*access.API{card, aggregation}
	decider, err := access.New(cfg)
	d.must(err)
	d.must(decider.Load(roster, d.now()))
	doers := map[*access.API]upstream.Doer{}
	for _, api := range cfg.APIs {
		doers[api] = fakeDoer{do: func(ctx context.Context, r *upstream.Request, resp *upstream.Response) error {
			if r.Header.Get("Countersign-Api") != api.Name {
				wrong.Add(1) // decided by one generation, forwarded by another
			}
			return instantly(ctx, r, resp)
		}}
	}
	address, err := clientip.New(clientip.Config{})
	d.must(err)
	g, err := gateway.New(gateway.Config{Environment: "sandbox", Decider: decider, Address: address, Upstreams: doers, Exchange: exchange,
		Record: d.set.gateway.Record, Log: d.set.gateway.Log, Now: d.now, Bodies: d.bodies})
	d.must(err)
	s.decider.Store(decider)
	return g
}

type counting struct{ lines atomic.Int64 }

func (c *counting) Record(*audit.Decision) { c.lines.Add(1) }

// TestAThousandReloadsUnderLoad: not one request fails or is decided wrongly while settings are exchanged, and what must last
// lasts: a write that one generation has let in is a replay for the next.
func TestAThousandReloadsUnderLoad(t *testing.T) {
	server, lines := new(reloading), new(counting)
	d := newWorld(t).open(t, func(s *settings) { s.gateway.Record, s.handler = lines, server })
	exchange, err := tokens.New(tokens.Config{Registry: d.register, Issuer: server, Now: d.now})
	d.must(err)
	roster, err := d.register.Roster(ctx)
	d.must(err)
	var wrong, sent atomic.Int64
	server.current.Store(d.generation(server, exchange, roster, "first", &wrong))
	token := d.freshToken()
	ended := make(chan struct{})
	var callers sync.WaitGroup
	for n := range 4 {
		protocol := []string{"http/1.1", "h2"}[n%2]
		client, _ := d.client(protocol)
		callers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ended:
					return
				default:
				}
				d.round(client, fmt.Sprintf("%d-%d", n, i), token, &sent)
			}
		})
	}
	for i := range 1000 {
		server.current.Store(d.generation(server, exchange, roster, fmt.Sprint(i), &wrong))
		for sent.Load() < int64(i/4) && !t.Failed() { // however fast the machine reloads: there are requests meanwhile
			runtime.Gosched()
		}
	}
	close(ended)
	callers.Wait()
	if wrong.Load() != 0 {
		t.Errorf("%d requests were forwarded by a generation that had not decided on them", wrong.Load())
	}
	if d.givenBack(); sent.Load() < 100 {
		t.Errorf("%d requests", sent.Load())
	}
}

// round makes one call of each kind and checks its answer.
func (d *door) round(client *http.Client, name, token string, sent *atomic.Int64) {
	good, app := d.keys["good"], d.apps["good"]
	body := fmt.Sprintf(`{"n":%q}`, name)
	write := d.signed(good, "POST", "/api/v1/cards", body)
	forged := d.signed(good, "GET", "/api/v1/cards?"+name, "")
	forged.target += "x"
	for _, one := range []struct {
		c    call
		want int
	}{
		{d.signed(good, "GET", "/api/v1/cards?"+name, ""), 200}, {write, 200}, {write, 409}, {forged, 401},
		{withToken(app, token, "GET", "/aggregation/v1/x", ""), 200}, {withToken(app, "no token", "GET", "/aggregation/v1/x", ""), 401},
		{authentication(app, string(app.Secret.Bytes())), 200}, {d.signed(d.keys["stray"], "GET", "/api/v1/cards", ""), 403},
	} {
		status, text, err := answerTo(client, d.addr, one.c)
		if err != nil || status != one.want {
			d.t.Errorf("%s %s: %d %s, error %v; want %d", one.c.method, one.c.target, status, text, err, one.want)
		}
		sent.Add(1)
	}
}

// answerTo is ask for goroutines of their own.
func answerTo(client *http.Client, addr string, c call) (int, string, error) {
	r, err := http.NewRequest(c.method, "https://"+addr+c.target, strings.NewReader(c.body))
	if err != nil {
		return 0, "", err
	}
	for _, line := range c.fields {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// freshToken asks for a token where no decision line is waited for.
func (d *door) freshToken() string {
	client, _ := d.client("http/1.1")
	app := d.apps["good"]
	_, text, err := answerTo(client, d.addr, authentication(app, string(app.Secret.Bytes())))
	d.must(err)
	return strings.TrimSuffix(strings.TrimPrefix(text, `{"token":"`), `"}`)
}
