package console_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/edge/console"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
	"countersign.dev/internal/whatif"
)

var ctx = context.Background()

// public is where the pages of the tests are reached.
const public = "https://admin.example.com"

var (
	alice = registry.Actor{Kind: registry.Operator, Name: "alice"}
	bob   = registry.Actor{Kind: registry.Operator, Name: "bob"}
)

// errGone is what a store says that is not there.
var errGone = errors.New("the disk is gone")

// fragile is a store that can go away: while gone is set nothing is read and nothing is written.
type fragile struct {
	registry.Store
	gone atomic.Bool
}

func (f *fragile) View(ctx context.Context, read func(registry.Tx) error) error {
	if f.gone.Load() {
		return errGone
	}
	return f.Store.View(ctx, read)
}

func (f *fragile) Update(ctx context.Context, change func(registry.Tx) error) error {
	if f.gone.Load() {
		return errGone
	}
	return f.Store.Update(ctx, change)
}

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

// hasher is cheap enough for thousands of calls.
type hasher struct{}

func (hasher) Hash(_ context.Context, plain []byte) (string, error) {
	return fmt.Sprintf("fake$%x", plain), nil
}
func (hasher) Verify(_ context.Context, hash string, plain []byte) (bool, error) {
	return hash == fmt.Sprintf("fake$%x", plain), nil
}
func (hasher) Dummy(context.Context, []byte) error { return nil }

// webhooks prove every endpoint, or none.
type webhooks struct {
	clock  *clock
	result partner.HandshakeResult
}

func (h *webhooks) Handshake(_ context.Context, target partner.EndpointTarget) partner.Handshake {
	shake := partner.Handshake{EndpointID: target.ID, At: h.clock.now(), Result: h.result, Status: 200, Address: netip.MustParseAddr("203.0.113.9")}
	if h.result == partner.HandshakeProved {
		shake.KeyID = target.Keys[0].ID
	}
	return shake
}

func (h *webhooks) Sources() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("198.51.100.0/28")}
}

// world is the console before the real operators' plane, which stands on a real register in SQLite and a real decision record.
// People sign in by the cookie "who"; see everybody for their names.
type world struct {
	testing.TB
	*registry.Registry
	api     *admin.Server
	console *console.Server
	store   *fragile
	clock   *clock
	hooks   *webhooks
	log     *lockedBuffer
	mu      sync.Mutex
	people  map[string]operator.Principal
	nodes   []admin.Node
	record  *record
	sums    *sums
}

// lockedBuffer is a log that several requests write at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// everybody are the people of the tests, by the value of the cookie "who". The name in the record is "operator:NAME@example.com".
func everybody(until time.Time) map[string]operator.Principal {
	person := func(login string, environments []string, roles ...operator.Role) operator.Principal {
		return operator.Principal{Kind: operator.KindAccount, ID: "opr_" + login, Name: login + "@example.com", Roles: roles,
			Permissions: operator.PermissionsOf(roles), Environments: environments, ExpiresAt: until, SessionID: "ses_" + login}
	}
	return map[string]operator.Principal{
		"viewer": person("viewer", nil, operator.Viewer), "operator": person("operator", nil, operator.Operator),
		"approver": person("approver", nil, operator.Approver), "auditor": person("auditor", nil, operator.Auditor),
		"admin": person("admin", nil, operator.Admin), "second": person("second", nil, operator.Admin, operator.Approver),
		"both": person("both", nil, operator.Operator, operator.Approver), "other": person("other", nil, operator.Operator),
		"sandbox": person("sandbox", []string{"sandbox"}, operator.Operator, operator.Approver),
		"nobody":  person("nobody", nil),
		"glass": {Kind: operator.KindBreakGlass, ID: "bgl_glass", Name: "glass", Permissions: operator.Permissions(), ExpiresAt: until,
			SessionID: "ses_glass"},
	}
}

// newWorld builds one. change may alter the configuration of the operators' plane before it is made.
func newWorld(t testing.TB, change ...func(*world, *admin.Config)) *world {
	t.Helper()
	w := &world{TB: t, clock: &clock{at: recordtest.Begin.Add(2 * time.Hour)}, log: &lockedBuffer{}, sums: &sums{}}
	w.people = everybody(w.clock.now().Add(1000 * time.Hour))
	w.hooks = &webhooks{clock: w.clock, result: partner.HandshakeProved}
	w.openRegister()
	w.record = &record{Record: recordtest.New(t, t.TempDir()), w: w}
	records := w.record.open()
	cfg := admin.Config{Registry: w.Registry, Authenticate: w.authenticate, Questions: w.questions(records), Decisions: []admin.Decisions{records},
		Checkpoints: func(record string) ([]byte, error) { return []byte("checkpoint of " + record + "\n"), nil }, Webhooks: w.hooks,
		Nodes: w.listNodes, PublicURL: public, Now: w.clock.now, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Traffic: w.sums, Records: w.inspector(), Link: func(token string) string { return public + "/sign-in/link#" + token },
		MemberLink: func(token string) string { return "https://portal.example.com/sign-in/link#" + token },
		Environments: func() []admin.Environment {
			return []admin.Environment{{Name: "sandbox", APIs: []string{"card"}, Checklist: checklist()},
				{Name: "production", After: "sandbox", APIs: []string{"card"}, Checklist: checklist()}}
		}}
	for _, c := range change {
		c(w, &cfg)
	}
	var err error
	if w.api, err = admin.New(cfg); err != nil {
		t.Fatal(err)
	}
	if w.console, err = console.New(console.Config{API: w.api, Now: w.clock.now, Rand: rand.Reader,
		Log: func(what string, err error) { fmt.Fprintf(w.log, "console: %s: %v\n", what, err) }}); err != nil {
		t.Fatal(err)
	}
	return w
}

// checklist is what every environment of the tests asks for.
func checklist() []partner.ChecklistItem {
	return []partner.ChecklistItem{
		{ID: "security", Title: "Security review", Evidence: partner.EvidenceManual, Required: true},
		{ID: "report", Title: "Report of the penetration test", Evidence: partner.EvidenceFile},
		{ID: "policy", Title: "Link to the policy", Evidence: partner.EvidenceLink},
	}
}

func (w *world) openRegister() {
	w.Helper()
	dir := w.TempDir()
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(dir, "keys"), Create: true, Rand: rand.Reader}, rand.Reader)
	w.must(err)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "register.db")})
	w.must(err)
	w.Cleanup(func() { _ = db.Close() })
	w.store = &fragile{Store: registry.Adapt(db)}
	w.Registry, err = registry.New(registry.Config{Store: w.store, Hasher: hasher{}, Now: w.clock.now, Rand: rand.Reader, Ring: ring,
		Reviews: map[string]partner.ReviewPolicy{"sandbox": {Items: checklist()}, "production": {After: "sandbox", Items: checklist()}}})
	w.must(err)
}

func (w *world) questions(records *search.Searcher) admin.Questions {
	served := func() (list []*access.API) {
		for _, environment := range []string{"sandbox", "production"} {
			list = append(list, &access.API{Name: "card", Environment: environment, Protocol: access.Token, BasePaths: []string{"/card"},
				TokenEndpoint: "/card/token"})
		}
		return list
	}
	e, err := whatif.New(whatif.Config{Records: []whatif.Records{records}, Register: w.Registry, APIs: served, Now: w.clock.now})
	w.must(err)
	return e
}

// authenticate takes the name in the cookie "who".
func (w *world) authenticate(r *http.Request) (operator.Principal, error) {
	if w.store.gone.Load() {
		return operator.Principal{}, errGone
	}
	cookie, err := r.Cookie("who")
	if err != nil {
		return operator.Principal{}, operator.ErrNotSignedIn
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.people[cookie.Value]; ok {
		return p, nil
	}
	return operator.Principal{}, operator.ErrNotSignedIn
}

// signOut ends the session of somebody.
func (w *world) signOut(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.people, who)
}

func (w *world) listNodes(context.Context) ([]admin.Node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]admin.Node(nil), w.nodes...), nil
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// rows are the change rows of an action.
func (w *world) rows(action audit.Action) (list []audit.Change) {
	w.Helper()
	all, err := w.Changes(ctx, 0, 0)
	w.must(err)
	for _, row := range all {
		if row.Action == action {
			list = append(list, row)
		}
	}
	return list
}

// admitted is a partner that was approved for some environments, by the local command line.
func (w *world) admitted(name string, environments ...string) string {
	w.Helper()
	p, err := w.CreatePartner(ctx, alice, name)
	w.must(err)
	for _, environment := range environments {
		w.must(w.RequestReview(ctx, alice, p.ID, environment, ""))
		w.must(w.ApproveReview(ctx, bob, p.ID, environment, registry.Approval{Force: true, Reason: "for a test"}))
	}
	return p.ID
}

// record is the decision record of a world. Lines that are written later are found at once.
type record struct {
	*recordtest.Record
	w    *world
	file string
	n    int
}

// open begins the record.
func (r *record) open() *search.Searcher {
	r.file = filepath.Join(r.Dir, "00000001.jsonl")
	r.w.must(os.WriteFile(r.file, r.Header(), 0o600))
	s, err := search.Open(search.Config{Dir: r.Dir, Log: slog.New(slog.DiscardHandler)})
	r.w.must(err)
	return s
}

// add writes decisions, each with what the zero fields do not say: a minute after the one before it, let in, from 203.0.113.7. It
// returns their request ids.
func (r *record) add(list ...audit.Decision) (ids []string) {
	var lines []byte
	for _, d := range list {
		r.n++
		d.RequestID = fmt.Sprintf("%032x", r.n)
		if d.Time.IsZero() {
			d.Time = recordtest.Begin.Add(time.Duration(r.n) * time.Minute)
		}
		if d.Reason == "" {
			d.Allowed, d.Reason, d.Status = true, "allowed", 200
		}
		if !d.Address.IsValid() {
			d.Address = netip.MustParseAddr("203.0.113.7")
		}
		d.Peer, d.API, d.Method, d.Path, d.Protocol = d.Address, cmp.Or(d.API, "card"), "POST", cmp.Or(d.Path, "/card/1"), "HTTP/2.0"
		lines = append(lines, r.Close(d.AppendOpen(nil, audit.Form{}))...)
		ids = append(ids, d.RequestID)
	}
	f, err := os.OpenFile(r.file, os.O_APPEND|os.O_WRONLY, 0o600)
	r.w.must(err)
	_, err = f.Write(lines)
	r.w.must(errors.Join(err, f.Close()))
	return ids
}

// waiting makes what widens access in an environment wait for one more person.
func (w *world) waiting(environment string) {
	w.Helper()
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{{Environment: environment,
		Approvals: 1}}}, "for a test")
	w.must(err)
}
