package gateway_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/explain/capture"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// keeper is a real store without a queue before it.
type keeper struct {
	*capture.Store
	d           *door
	environment string
	came        chan *gateway.Captured
}

func (k *keeper) Keep(c *gateway.Captured) {
	if c.Credential != "" {
		k.d.must(k.Store.Keep(capture.Owner{Environment: k.environment, Credential: c.Credential}, &c.Request))
	}
	k.came <- c
}

func (k *keeper) Explain(_ context.Context, credential, id string) (*explain.Report, error) {
	p, err := library.Profile("finci")
	k.d.must(err)
	return k.Store.Explain(capture.Owner{Environment: k.environment, Credential: credential}, id,
		explain.Question{Profile: p, Secrets: []explain.Secret{{Label: "the secret", Text: k.d.keys["good/"+k.environment].Secret.Bytes()}}})
}

// keeping is a door that keeps refused requests in a folder.
func (w *world) keeping(t *testing.T, dir, environment string) (*door, *keeper) {
	t.Helper()
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(t.TempDir(), "keys"), Create: true, Rand: rand.Reader}, rand.Reader)
	w.must(err)
	store, err := capture.Open(capture.Config{Dir: dir, Sealer: ring, Clock: w.now, AsksPerMinute: 100})
	w.must(err)
	k := &keeper{Store: store, environment: environment, came: make(chan *gateway.Captured, 100)}
	d := w.open(t, func(s *settings) {
		s.environment = environment
		s.api = func(api *access.API) {
			if api.Protocol == access.Signed {
				api.BasePaths = append(api.BasePaths, gateway.ExplainBase)
			}
		}
		s.doers = func(all map[*access.API]upstream.Doer) {
			s.gateway.Captures = map[*access.API]gateway.Captures{}
			for api := range all {
				if api.Protocol == access.Signed {
					s.gateway.Captures[api] = k
				}
			}
		}
	})
	k.d = d
	return d, k
}

// forged is a request of an owner whose body was written anew after it had been signed.
func (d *door) forged(name string) call {
	c := d.signed(d.keys[name], "POST", "/api/v1/cards", `{"a":1}`, "Cookie: session=abc")
	c.body = `{"a": 1}`
	return c
}

func (d *door) why(name, id string) answer {
	d.t.Helper()
	return d.do(d.signed(d.keys[name], "GET", capture.Path+id, ""))
}

// refusedID sends a call that is refused, and waits until it is kept.
func (k *keeper) refusedID(c call) string {
	k.d.t.Helper()
	a := k.d.do(c)
	if a.status < 400 {
		k.d.t.Fatalf("let in: %d", a.status)
	}
	kept := <-k.came
	k.d.records.line()
	if id := a.header["Countersign-Request-Id"]; len(id) != 1 || id[0] != kept.ID {
		k.d.t.Fatalf("kept as %s, told as %v", kept.ID, id)
	}
	return kept.ID
}

func TestAnOwnerIsTold(t *testing.T) {
	d, k := newWorld(t).keeping(t, filepath.Join(t.TempDir(), "c"), "sandbox")
	id := k.refusedID(d.forged("good/sandbox"))
	a := d.why("good/sandbox", id)
	if a.status != 200 || !strings.Contains(a.body, `"verdict":"explained"`) || !slices.Equal(a.header["Cache-Control"], []string{"no-store"}) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if line, _ := d.records.line(); line["status"] != 200.0 || line["path"] != capture.Path+id || line["credential"] != d.keys["good/sandbox"].Credential.ID {
		t.Errorf("recorded as %v", line)
	}
	d.upstream.untouched()
}

// TestRule9OnlyTheOwnerIsTold: another credential, another partner, another environment, a request that never came, and no
// question at all have one answer, byte for byte. Whoever is not admitted gets the answer of every API.
func TestRule9OnlyTheOwnerIsTold(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "c")
	d, k := w.keeping(t, dir, "sandbox")
	other := w.admit("other", "sandbox")
	w.issue("other", other, "sandbox")
	good, err := w.register.FindPartner(ctx, w.partner("good"))
	w.must(err)
	w.issue("second", good, "sandbox")
	d.reload()
	elsewhere, _ := w.keeping(t, dir, "production") // even over the very same folder
	id := k.refusedID(d.forged("good/sandbox"))
	seen := map[string]string{}
	for name, a := range map[string]answer{
		"another credential":  d.why("second", id),
		"another partner":     d.why("other", id),
		"another environment": elsewhere.why("good/production", id),
		"never came":          d.why("good/sandbox", strings.Repeat("0f", 16)),
		"no id":               d.why("good/sandbox", ""),
		"a query":             d.why("good/sandbox", id+"?x=1"),
		"no slash":            d.do(d.signed(d.keys["good/sandbox"], "GET", gateway.ExplainBase, "")),
		"a write":             d.do(d.signed(d.keys["good/sandbox"], "POST", capture.Path+id, "{}")),
	} {
		if a.status != 404 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		seen[plain(a.raw+a.body)] += name + ", "
	}
	if len(seen) != 1 {
		t.Errorf("%d different answers: %q", len(seen), seen)
	}
	for name, c := range strangers(d, "GET", "") {
		c.target = capture.Path + id // what was signed is another one still
		if a := d.do(c); a.status != 401 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := d.do(call{method: "GET", target: capture.Path + id}); a.status != 401 {
		t.Errorf("without a signature: %d %s", a.status, a.body)
	}
	d.upstream.untouched()
	elsewhere.upstream.untouched()
}

// TestRule4NoMACAndNoSecretLeaves: neither in the answer, nor in the folder, the log or the record.
func TestRule4NoMACAndNoSecretLeaves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	d, k := newWorld(t).keeping(t, dir, "sandbox")
	c := d.forged("good/sandbox")
	_, mac, _ := strings.Cut(c.fields[2], ": ")
	right := d.signed(d.keys["good/sandbox"], c.method, c.target, c.body)
	_, valid, _ := strings.Cut(right.fields[2], ": ")
	a := d.do(c)
	kept := <-k.came
	_, refusal := d.records.line()
	told := d.why("good/sandbox", kept.ID)
	_, asked := d.records.line()
	places := map[string]string{"the refusal": a.raw + a.body, "the answer": told.raw + told.body, "the record": refusal + asked, "the log": d.log.String()}
	files, err := os.ReadDir(dir)
	d.must(err)
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	text, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	d.must(err)
	places["the file"] = string(text) + files[0].Name()
	for place, text := range places {
		for name, word := range map[string]string{"the MAC": mac, "the MAC that is right": valid, "the secret": string(d.keys["good/sandbox"].Secret.Bytes()), "a cookie": "session=abc"} {
			if strings.Contains(text, word) {
				t.Errorf("%s stands in %s", name, place)
			}
		}
	}
}

// TestWhatIsKept: refusals of form, time and signature. Nothing that was let in, whose caller is unknown, or that is too long.
func TestWhatIsKept(t *testing.T) {
	d, k := newWorld(t).keeping(t, filepath.Join(t.TempDir(), "c"), "sandbox")
	key := d.keys["good/sandbox"]
	malformed := func(name, value string) call {
		return d.signed(key, "POST", "/api/v1/x", "{}").without(name).with(name + ": " + value)
	}
	long := d.signed(d.keys["good/sandbox"], "POST", "/api/v1/x", strings.Repeat("a", 129<<10))
	long.target += "y"
	unknown := d.signed(key, "POST", "/api/v1/x", "{}").without("X-Auth-Token").with("X-Auth-Token: " + strings.Repeat("0", 32))
	for name, one := range map[string]struct {
		c         call
		kept      bool
		looked    bool // the credential is known by then
		whole     bool
		body, why string
	}{
		"wrong body":          {d.forged("good/sandbox"), true, true, true, `{"a": 1}`, ""},
		"stale":               {d.signedAt(key, base-3600, "POST", "/api/v1/x", "{}"), true, false, false, "", ""},
		"stale, no body":      {d.signedAt(key, base-3600, "GET", "/api/v1/x", ""), true, false, true, "", ""},
		"future":              {d.signedAt(key, base+3600, "GET", "/api/v1/x", ""), true, false, true, "", ""},
		"malformed time":      {malformed("X-Auth-Timestamp", "yesterday"), true, false, false, "", ""},
		"malformed signature": {malformed("X-Auth-Signature", "xyz"), true, false, false, "", ""},
		"unknown caller":      {unknown, false, false, false, "", ""},
		"revoked":             {d.signed(d.keys["revoked"], "GET", "/api/v1/y", ""), false, false, false, "", ""},
		"revoked and wrong":   {d.forged("revoked"), false, false, false, "", ""},
		"not listed":          {d.signed(d.keys["stray"], "GET", "/api/v1/y", ""), false, false, false, "", ""},
		"too long":            {long, false, false, false, "", ""},
		"no signature":        {d.signed(key, "GET", "/api/v1/x", "").without("X-Auth-Signature"), false, false, false, "", ""},
	} {
		if a := d.do(one.c); a.status < 400 {
			t.Errorf("%s: %d", name, a.status)
		}
		d.records.line() // what is kept is kept before this is written
		select {
		case c := <-k.came:
			if !one.kept || (c.Credential != "") != one.looked || (c.KeyID != "") == one.looked || c.Whole != one.whole || string(c.Scheme.Body) != one.body || c.Scheme.Target != one.c.target {
				t.Errorf("%s: kept as %+v", name, c)
			}
		default:
			if one.kept {
				t.Errorf("%s is not kept", name)
			}
		}
	}
}

// TestAsksAreBounded: the store's bound is told with 429 and Retry-After.
func TestAsksAreBounded(t *testing.T) {
	d, _ := newWorld(t).keeping(t, filepath.Join(t.TempDir(), "c"), "sandbox")
	for range 100 {
		if a := d.why("good/sandbox", strings.Repeat("0f", 16)); a.status != 404 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := d.why("good/sandbox", strings.Repeat("0f", 16)); a.status != 429 || !slices.Equal(a.header["Retry-After"], []string{"60"}) {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// TestWithoutCapturesThePathIsAnUpstreams: nothing is shadowed where nothing is kept.
func TestWithoutCapturesThePathIsAnUpstreams(t *testing.T) {
	d := newWorld(t).open(t, func(s *settings) {
		s.api = func(api *access.API) {
			if api.Protocol == access.Signed {
				api.BasePaths = append(api.BasePaths, gateway.ExplainBase)
			}
		}
	})
	if a := d.why("good/sandbox", strings.Repeat("0f", 16)); a.status != 200 || !strings.Contains(d.upstream.next().line, capture.Path) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestCapturesAllocateNothingForAdmittedRequests: no more than without. The race detector empties pools at random, so that one measurement
// differs from the next.
func TestCapturesAllocateNothingForAdmittedRequests(t *testing.T) {
	measure := func(captures bool) float64 {
		d := newWorld(t).open(t, func(s *settings) {
			s.gateway.Record = nowhere{}
			s.doers = func(all map[*access.API]upstream.Doer) {
				for api := range all {
					all[api] = fakeDoer{do: instantly}
					if captures && api.Protocol == access.Signed {
						s.gateway.Captures = map[*access.API]gateway.Captures{api: &keeper{}}
					}
				}
			}
		})
		r := d.inHand(d.signed(d.keys["good"], "GET", "/api/v1/cards/1?a=b", "", "Accept: application/json"))
		w := &sink{header: http.Header{}}
		n := testing.AllocsPerRun(200, func() { clear(w.header); d.gateway.ServeHTTP(w, r) })
		if w.status != 200 {
			t.Fatalf("status %d", w.status)
		}
		return n
	}
	if off, on := measure(false), measure(true); on > off+raceAllocations {
		t.Errorf("%v allocations with captures, %v without", on, off)
	}
}
