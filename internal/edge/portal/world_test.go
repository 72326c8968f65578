package portal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
	"countersign.dev/internal/traffic"
	"countersign.dev/profile/library"
)

var (
	ctx   = context.Background()
	alice = registry.Actor{Kind: registry.Operator, Name: "alice@example.com"}
	bob   = registry.Actor{Kind: registry.Operator, Name: "bob@example.com"}
)

const public = "https://partners.example.com"

// hostile is a name that is markup, of a template and of a page, and is long.
var hostile = `Acme </title><script>alert(1)</script>" onload="x' {{.}} ` + strings.Repeat("W", 100)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// hasher is a cheap one that makes the form of a hash.
type hasher struct{}

const hashed = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func (hasher) Hash(context.Context, []byte) (string, error)         { return hashed, nil }
func (hasher) Verify(context.Context, string, []byte) (bool, error) { return false, nil }
func (hasher) Dummy(context.Context, []byte) error                  { return nil }

// world is a portal over a real register and a real record.
type world struct {
	testing.TB
	*registry.Registry
	server *portal.Server
	cfg    portal.Config
	clock  *clock
	random *switched
	broken error // of Authenticate
	people map[string]operator.Principal
	usage  *counted
	log    *bytes.Buffer
	lines  []audit.Decision
	record string
	mu     sync.Mutex
}

// switched is randomness that can fail, or be always the same.
type switched struct{ fail, fixed bool }

func (s *switched) Read(b []byte) (int, error) {
	if s.fixed {
		clear(b)
		return len(b), nil
	}
	if s.fail {
		return 0, errors.New("no randomness")
	}
	return rand.Read(b)
}

// drawn is randomness that is the same in every world, so that two worlds have the same ids.
type drawn struct {
	mu   sync.Mutex
	from *mathrand.ChaCha8
}

func (d *drawn) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.from.Read(b)
}

// counted is a Usage that says what it was told.
type counted struct {
	of  map[string]traffic.Usage
	err error
}

func (c *counted) Usage(partnerID string, _ []string, _ traffic.Span, _ traffic.Sees) (traffic.Usage, error) {
	return c.of[partnerID], c.err
}

func checklist() []partner.ChecklistItem {
	return []partner.ChecklistItem{{ID: "pentest", Title: "Report of a penetration test", Evidence: partner.EvidenceFile, Required: true},
		{ID: "policy", Title: "Security policy", Evidence: partner.EvidenceLink, Required: true},
		{ID: "addresses", Title: "Addresses that call", Evidence: partner.EvidenceAddresses},
		{ID: "talk", Title: "A talk with our security team", Evidence: partner.EvidenceManual, Required: true}}
}

func newWorld(t testing.TB, change ...func(*portal.Config)) *world {
	t.Helper()
	w := &world{TB: t, clock: &clock{at: recordtest.Begin.Add(6 * time.Hour)}, log: &bytes.Buffer{}, people: map[string]operator.Principal{},
		usage: &counted{of: map[string]traffic.Usage{}}, random: &switched{}}
	w.openRegister()
	w.record = t.TempDir()
	w.write()
	records, err := search.Open(search.Config{Dir: w.record, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	environments := places(t)
	cfg := portal.Config{Register: w.Registry, Authenticate: w.authenticate, SignIn: http.HandlerFunc(signIn), Records: records, Usage: w.usage,
		Environments: func() []portal.Environment { return environments }, Networks: networks{}, PublicURL: public, Now: w.clock.now, Rand: w.random,
		Log: func(what string, err error) { w.mu.Lock(); fmt.Fprintf(w.log, "%s: %v\n", what, err); w.mu.Unlock() }}
	for _, c := range change {
		c(&cfg)
	}
	w.cfg = cfg
	w.server, err = portal.New(cfg)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// signIn stands for the sign-in pages.
func signIn(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/sign-in/") {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>sign-in</title>`)
}

// networks lets in what begins with 203.0.113.
type networks struct{}

func (networks) TestNetwork(_, _, _ string, address netip.Addr) access.NetworkVerdict {
	v := access.NetworkVerdict{Reason: access.AddressNotListed, Admission: access.Allowed, Address: address, Country: "DE"}
	if netip.MustParsePrefix("203.0.113.0/24").Contains(address) {
		v.Reason = access.Allowed
	}
	return v
}

// places are the environments: sandbox, and production after it; in each a signed API and one that takes tokens.
func places(t testing.TB) []portal.Environment {
	t.Helper()
	p, err := library.Profile("countersign-v1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	source, err := library.FS.ReadFile("countersign-v1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []portal.Environment
	for _, name := range []string{"sandbox", "production"} {
		e := portal.Environment{Name: name, BaseURL: "https://" + name + ".example.com", Last: name == "production", Captures: name == "sandbox", Tester: name == "sandbox"}
		if e.Last {
			e.After = "sandbox"
		}
		e.APIs = []portal.API{
			{API: &access.API{Name: "card", Environment: name, Protocol: access.Signed, BasePaths: []string{"/card/v1"}, Scheme: s}, Profile: p, Source: source},
			{API: &access.API{Name: "aggregation", Environment: name, Protocol: access.Token, BasePaths: []string{"/aggregation"}, TokenEndpoint: "/aggregation/v2/partners/authentication"}},
		}
		out = append(out, e)
	}
	return out
}

func (w *world) openRegister() {
	w.Helper()
	dir := w.TempDir()
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(dir, "keys"), Create: true, Rand: rand.Reader}, rand.Reader)
	w.must(err)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "register.db")})
	w.must(err)
	w.Cleanup(func() { _ = db.Close() })
	w.Registry, err = registry.New(registry.Config{Store: registry.Adapt(db), Hasher: hasher{}, Now: w.clock.now, Rand: &drawn{from: mathrand.NewChaCha8([32]byte{7})}, Ring: ring,
		Reviews: map[string]partner.ReviewPolicy{"sandbox": {Items: checklist()}, "production": {After: "sandbox", Items: checklist()}}})
	w.must(err)
}

// partner adds a partner with one member, who is signed in by the cookie of that name.
func (w *world) partner(name string, members ...string) string {
	w.Helper()
	p, err := w.CreatePartner(ctx, alice, name)
	w.must(err)
	for _, m := range members {
		account, err := w.DemoMember(ctx, registry.Actor{Kind: registry.System, Name: "dev"}, p.ID, m+"@example.org")
		w.must(err)
		w.people[m] = operator.Principal{Kind: operator.KindMember, ID: account.ID, Name: account.Login, PartnerID: p.ID,
			ExpiresAt: w.clock.now().Add(1000 * time.Hour), SessionID: "ses_" + m}
	}
	return p.ID
}

// approve lets a partner into an environment.
func (w *world) approve(id, environment string) {
	w.Helper()
	file, err := w.ReviewFile(ctx, id, environment)
	if errors.Is(err, registry.ErrNotFound) {
		w.must(w.RequestReview(ctx, alice, id, environment, "test"))
		file, err = w.ReviewFile(ctx, id, environment)
	}
	w.must(err)
	if file.Review.State == partner.ReviewRequested {
		w.must(w.StartReview(ctx, bob, id, environment, "test"))
	}
	w.must(w.ApproveReview(ctx, bob, id, environment, registry.Approval{Reason: "test", Force: true}))
}

// authenticate takes the name of a member from a cookie.
func (w *world) authenticate(r *http.Request) (operator.Principal, error) {
	if w.broken != nil {
		return operator.Principal{}, w.broken
	}
	c, err := r.Cookie("who")
	if err != nil {
		return operator.Principal{}, operator.ErrNotSignedIn
	}
	if p, ok := w.people[c.Value]; ok {
		return p, nil
	}
	return operator.Principal{}, operator.ErrNotSignedIn
}

// called writes calls into the record.
func (w *world) called(lines ...audit.Decision) {
	w.Helper()
	w.lines = append(w.lines, lines...)
	w.write()
}

func (w *world) write() {
	w.Helper()
	record := recordtest.New(w.TB, w.record)
	all := record.Header()
	for _, d := range w.lines {
		all = append(all, record.Close(d.AppendOpen(nil, audit.Form{}))...)
	}
	w.must(os.WriteFile(filepath.Join(w.record, "00000001.jsonl"), all, 0o600))
}

// aCall is a call of a partner; refused where reason is not "allowed".
func aCall(n int, partnerID, credential, reason string) audit.Decision {
	d := audit.Decision{Time: recordtest.Begin.Add(time.Duration(n) * time.Minute), RequestID: fmt.Sprintf("%032x", n), Environment: "sandbox", API: "card",
		Allowed: reason == "allowed", Reason: reason, Status: 200, Method: "POST", Path: "/card/v1/payments", Protocol: "HTTP/2.0", Partner: partnerID,
		Credential: credential, Version: 1, Proved: true, Address: netip.MustParseAddr("203.0.113.7"), Peer: netip.MustParseAddr("203.0.113.7")}
	if !d.Allowed {
		d.Status = 401
	}
	if reason == "bad_signature" {
		d.Proved, d.Version = false, 0
	}
	return d
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	w *world
}

// get asks for a page as a member; "" is nobody.
func (w *world) get(who, target string) answer {
	w.Helper()
	return w.send(who, "GET", target, nil, "")
}

// post sends a form.
func (w *world) post(who, target string, form url.Values) answer {
	w.Helper()
	return w.send(who, "POST", target, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded")
}

func (w *world) send(who, method, target string, body io.Reader, kind string, headers ...string) answer {
	w.Helper()
	r := httptest.NewRequestWithContext(ctx, method, target, body)
	r.Host = "partners.example.com"
	r.RemoteAddr = "198.51.100.9:4711"
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if method == "POST" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else if r.Header.Del(headers[i]); headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	a := answer{httptest.NewRecorder(), w}
	w.server.ServeHTTP(a, r)
	return a
}

// is checks the status, and that the page holds texts.
func (a answer) is(status int, texts ...string) answer {
	a.w.Helper()
	if a.Code != status {
		a.w.Errorf("status %d, want %d: %s\n%s", a.Code, status, a.Header().Get("Location"), cut(a.Body.String()))
	}
	for _, text := range texts {
		if !strings.Contains(a.Body.String(), text) {
			a.w.Errorf("the page lacks %q:\n%s", text, cut(a.Body.String()))
		}
	}
	return a
}

// byChance is what a random id or token may hold now and then.
var byChance = regexp.MustCompile(`^([a-z2-7]{1,4}|[A-Za-z0-9_-]{1,3})$`)

// lacks checks that the page does not hold texts. It takes none that is there by chance.
func (a answer) lacks(texts ...string) answer {
	a.w.Helper()
	for _, text := range texts {
		if byChance.MatchString(text) {
			a.w.Errorf("a random id may hold %q: look for something longer, or for what ids have not", text)
		}
		if strings.Contains(a.Body.String(), text) {
			a.w.Errorf("the page holds %q", text)
		}
	}
	return a
}

func cut(text string) string {
	if _, main, ok := strings.Cut(text, "<main"); ok {
		text = main
	}
	return text[:min(len(text), 3000)]
}

// leads checks a redirect.
func (a answer) leads(to string) answer {
	a.w.Helper()
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != to {
		a.w.Errorf("status %d to %q, want 303 to %q\n%s", a.Code, a.Header().Get("Location"), to, cut(a.Body.String()))
	}
	return a
}

// key is a fresh idempotency key.
var keys int

func key(pairs ...string) url.Values {
	keys++
	v := url.Values{"idempotency_key": {fmt.Sprintf("key-%d", keys)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// view reads what a partner's people see.
func (w *world) view(id string) registry.MemberView {
	w.Helper()
	own, err := w.MemberView(ctx, id)
	w.must(err)
	return own
}

// credential issues a signing key to a partner and returns its row.
func (w *world) credential(id, environment string) partner.Credential {
	w.Helper()
	issued, err := w.IssueSigningKey(ctx, alice, id, environment)
	w.must(err)
	issued.Secret.Zero()
	own := w.view(id)
	i := slices.IndexFunc(own.Credentials, func(c partner.Credential) bool { return c.ID == issued.Credential.ID })
	return own.Credentials[i]
}

// attach sends evidence; no file where content is nil.
func (w *world) attach(who, environment string, form url.Values, name string, content []byte) answer {
	w.Helper()
	body, kind := multipartOf(w, form, name, content)
	return w.send(who, "POST", "/portal/start/"+environment+"/evidence", body, kind)
}

func multipartOf(w *world, form url.Values, name string, content []byte) (io.Reader, string) {
	w.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for field, values := range form {
		w.must(m.WriteField(field, values[0]))
	}
	part, err := m.CreateFormFile("file", name)
	w.must(err)
	_, err = part.Write(content)
	w.must(err)
	w.must(m.Close())
	return &b, m.FormDataContentType()
}

// rule registers a network as an operator does.
func (w *world) rule(id, environment, prefix string) partner.NetworkRule {
	w.Helper()
	n, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: environment, Prefix: netip.MustParsePrefix(prefix), Note: "data centre"})
	w.must(err)
	return n
}

// used says that the first version of a credential was used.
func (w *world) used(id string, c partner.Credential) {
	w.usage.of[id] = traffic.Usage{Environments: []traffic.EnvironmentUsage{{Environment: c.Environment, Count: traffic.Count{Allowed: 1234, Refused: 5}, Versions: []traffic.VersionUsage{{Credential: c.ID,
		Version: 1, Count: traffic.Count{Allowed: 1234, Refused: 5}, Last: w.clock.now().Add(-time.Hour),
		Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("203.0.113.7")}}}}}}
}

func hop(text string, trusted bool) clientip.Hop { return clientip.Hop{Text: text, Trusted: trusted} }
