package access_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	ratememory "countersign.dev/internal/rate/memory"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// chunk is how many decisions are timed in one piece, between two pieces of bare HMACs.
const chunk = 2_000

// warmed keeps what touch reads from being optimised away.
var warmed byte

// compare times decide against a bare HMAC-SHA256 over 256 bytes with a key state that is used again, in turns, so that
// both meet the same machine. prepare makes the next chunk of requests; then memory is swept, so that a credential is
// found in memory and not in a cache that the preparation has warmed; touch then reads the bytes of the requests alone,
// which a server has just read from a connection. Reported are medians over the turns.
func compare(b *testing.B, prepare func(), touch, decide func(i int)) {
	mac, body, sum := hmac.New(sha256.New, []byte(secretText)), make([]byte, 256), make([]byte, 0, 32)
	sweep := make([]byte, 64<<20)
	var spent, ratios []float64
	var before, after runtime.MemStats
	var objects uint64
	for b.Loop() {
		prepare()
		for i := 0; i < len(sweep); i += 64 {
			sweep[i]++
		}
		for i := range chunk {
			touch(i)
		}
		runtime.ReadMemStats(&before)
		start := time.Now()
		for i := range chunk {
			decide(i)
		}
		decided := time.Since(start)
		runtime.ReadMemStats(&after)
		objects += after.Mallocs - before.Mallocs
		start = time.Now()
		for range chunk {
			mac.Reset()
			mac.Write(body)
			sum = mac.Sum(sum[:0])
		}
		spent = append(spent, float64(decided.Nanoseconds())/chunk)
		ratios = append(ratios, float64(decided)/float64(time.Since(start)))
	}
	slices.Sort(spent)
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op") // a turn is no unit that anybody needs
	b.ReportMetric(spent[len(spent)/2], "ns/decision")
	b.ReportMetric(ratios[len(ratios)/2], "x-hmac")
	b.ReportMetric(float64(objects)/float64(len(ratios)*chunk), "allocs/decision")
}

// benchDoor is a Decider over count signing keys and count apps, with the real replay guard, and ways to make requests
// with uniformly random ones of them.
type benchDoor struct {
	a      *access.Decider
	now    time.Time
	ids    []string
	random *rand.Rand
	mac    func(parts ...string) string
	serial int
}

func newBenchDoor(b *testing.B, count int, limits access.APILimits) *benchDoor {
	b.Helper()
	finci, err := library.Load("finci")
	if err != nil {
		b.Fatal(err)
	}
	d := &benchDoor{now: start, random: rand.New(rand.NewPCG(1, 2))}
	clock := func() time.Time { return d.now }
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(b.TempDir(), "replay"), Now: clock})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = guard.Close() })
	limiter, err := ratememory.Open(ratememory.Config{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = limiter.Close() })
	d.a, err = access.New(access.Config{Replay: guard, Limiter: limiter, Now: clock, APIs: []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci, Limits: limits},
		{Name: "aggregation", Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/aggregation"}, TokenEndpoint: "/aggregation/v2/partners/authentication"},
	}})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.a.Load(d.roster(count), d.now); err != nil {
		b.Fatal(err)
	}
	keyed := hmac.New(sha256.New, []byte(secretText))
	d.mac = func(parts ...string) string {
		keyed.Reset()
		for _, p := range parts {
			keyed.Write([]byte(p))
		}
		return hex.EncodeToString(keyed.Sum(nil))
	}
	return d
}

// roster has ten credentials of each kind to a partner, and two prefixes for each partner.
func (d *benchDoor) roster(count int) *partner.Roster {
	r := &partner.Roster{Revision: 1, ReadAt: d.now}
	value := secret.NewValue([]byte(secretText))
	for i := range count {
		owner := fmt.Sprintf("ptn_%022d", i/10)
		if i%10 == 0 {
			r.Partners = append(r.Partners, partner.Partner{ID: owner, Name: owner})
			r.Reviews = append(r.Reviews, partner.Review{PartnerID: owner, Environment: "sandbox", State: partner.ReviewApproved})
			for _, prefix := range []string{"198.51.100.0/24", "192.0.2.0/24"} {
				r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: owner, Environment: "sandbox", Prefix: netip.MustParsePrefix(prefix)})
			}
		}
		id := fmt.Sprintf("%016x%016x", d.random.Uint64(), d.random.Uint64())
		d.ids = append(d.ids, id)
		r.Credentials = append(r.Credentials,
			partner.Credential{ID: "crd_s" + id, PartnerID: owner, Environment: "sandbox", Kind: partner.SigningKey, KeyID: id, Versions: []partner.Version{{Number: 1, Secret: value}}},
			partner.Credential{ID: "crd_a" + id, PartnerID: owner, Environment: "sandbox", Kind: partner.App, KeyID: id, Login: "1"})
	}
	r.SealingKeys = []partner.SealingKey{{Environment: "sandbox", ID: 1, Key: secret.NewValue(make([]byte, 32))}}
	return r
}

// presigned is what differs between the requests of one benchmark.
type presigned struct {
	id, signature string
	body          [256]byte
}

func (d *benchDoor) presign(method string, into []presigned) {
	ts := strconv.FormatInt(d.now.Unix(), 10)
	for i := range into {
		p := &into[i]
		d.serial++
		p.id = d.ids[d.random.IntN(len(d.ids))]
		copy(p.body[:], fmt.Sprintf(`{"serial":"%0243d"}`, d.serial))
		p.signature = d.mac(ts, method, "/api/v1/update-card-status/1", string(p.body[:]))
	}
}

// typical is a request with the headers that a backend's client sends.
func typical(method, target string) *access.Request {
	r := request()
	r.Method, r.Target = method, target
	for name, value := range map[string]string{"User-Agent": "backend/1.0", "Accept-Encoding": "gzip", "Content-Type": "application/json", "Content-Length": "256"} {
		r.Header[name] = []string{value}
	}
	return r
}

func benchmarkSigned(b *testing.B, count int, method string, limits access.APILimits) {
	d := newBenchDoor(b, count, limits)
	requests := make([]presigned, chunk)
	ts := []string{strconv.FormatInt(d.now.Unix(), 10)}
	r := typical(method, "/api/v1/update-card-status/1")
	id, signature := make([]string, 1), make([]string, 1)
	r.Header["X-Auth-Token"], r.Header["X-Auth-Timestamp"], r.Header["X-Auth-Signature"] = id, ts, signature
	body := new(wholeBody)
	r.Body, r.ContentLength = body, 256
	out := new(access.Decision)
	touch := func(i int) {
		for _, text := range []string{requests[i].id, requests[i].signature, string(requests[i].body[:])} {
			warmed += text[0] + text[len(text)-1]
		}
	}
	compare(b, func() { d.presign(method, requests) }, touch, func(i int) {
		p := &requests[i]
		id[0], signature[0], body.bytes = p.id, p.signature, p.body[:]
		*out = access.Decision{}
		if !d.a.Decide(r, out) {
			b.Fatal(out.Reason, out.Cause)
		}
	})
}

type wholeBody struct{ bytes []byte }

func (w *wholeBody) ReadBody(int64) ([]byte, access.Reason) { return w.bytes, access.Allowed }

func benchmarkToken(b *testing.B, count int) {
	d := newBenchDoor(b, count, access.APILimits{})
	type pair struct{ key, token string }
	pairs := make([]pair, chunk)
	exchange, out := typical("POST", "/aggregation/v2/partners/authentication"), new(access.Decision)
	issue := func() {
		for i := range pairs {
			id := d.ids[d.random.IntN(len(d.ids))]
			exchange.Header[access.AppKeyHeader] = []string{id}
			*out = access.Decision{}
			if !d.a.Decide(exchange, out) {
				b.Fatal(out.Reason)
			}
			token, err := d.a.Issue(out, d.now)
			if err != nil {
				b.Fatal(err)
			}
			pairs[i] = pair{id, token}
		}
	}
	r := typical("GET", "/aggregation/v1/customers")
	key, token := make([]string, 1), make([]string, 1)
	r.Header[access.AppKeyHeader], r.Header[access.AppTokenHeader] = key, token
	touch := func(i int) {
		for _, text := range []string{pairs[i].key, pairs[i].token} {
			warmed += text[0] + text[len(text)-1]
		}
	}
	compare(b, issue, touch, func(i int) {
		key[0], token[0] = pairs[i].key, pairs[i].token
		*out = access.Decision{}
		if !d.a.Decide(r, out) {
			b.Fatal(out.Reason)
		}
	})
}

// BenchmarkDecide is one decision with everything switched on: shape, signature over a 256-byte body or token, network
// rule, and for a signed write the replay guard with its journal. Where it is limited, a rate and a quota of the partner and
// of the credential are counted; elsewhere no limit applies.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct {
		name  string
		count int
	}{{"1k", 1_000}, {"1M", 1_000_000}} {
		b.Run("signed-read/"+size.name, func(b *testing.B) { benchmarkSigned(b, size.count, "GET", access.APILimits{}) })
		b.Run("signed-read-limited/"+size.name, func(b *testing.B) {
			most := &access.Rate{Rate: 1_000_000, Per: time.Second, Burst: 1_000_000, Daily: partner.MaxLimitDaily}
			benchmarkSigned(b, size.count, "GET", access.APILimits{PerPartner: most, PerCredential: most})
		})
		b.Run("signed-write/"+size.name, func(b *testing.B) { benchmarkSigned(b, size.count, "POST", access.APILimits{}) })
		b.Run("token/"+size.name, func(b *testing.B) { benchmarkToken(b, size.count) })
	}
}

// TestAllocationsOfDecide: a decision that lets a request in leaves nothing for the garbage collector.
func TestAllocationsOfDecide(t *testing.T) {
	d := newDoor(t)
	signed := sign(with(request(), func(r *access.Request) { r.Method, r.Body = "GET", content(`{"a":1}`) }), goodToken, d.now)
	token := tokenCall("sandbox", goodApp, d.token("sandbox", goodApp))
	out := new(access.Decision)
	for what, r := range map[string]*access.Request{"signed": signed, "token": token} {
		n := testing.AllocsPerRun(1000, func() {
			*out = access.Decision{}
			if !d.a.Decide(r, out) {
				t.Fatal(out.Reason)
			}
		})
		if n >= 1 && !raceEnabled {
			t.Errorf("%s: %v allocations, want none", what, n)
		}
	}
}
