package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"countersign.dev/api"
	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store/sqlite"
	"countersign.dev/internal/whatif"
)

var ctx = context.Background()

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
	w      *world
	result partner.HandshakeResult
}

func (h *webhooks) Handshake(_ context.Context, target partner.EndpointTarget) partner.Handshake {
	shake := partner.Handshake{EndpointID: target.ID, At: h.w.clock.now(), Result: h.result, Status: 200, Address: netip.MustParseAddr("203.0.113.9")}
	if h.result == partner.HandshakeProved {
		shake.KeyID = target.Keys[0].ID
	}
	return shake
}

func (h *webhooks) Sources() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("198.51.100.0/28")}
}

// world is a server over a real register in SQLite and a real decision record.
type world struct {
	testing.TB
	*registry.Registry
	server   *admin.Server
	clock    *clock
	log      *bytes.Buffer
	hooks    *webhooks
	mu       sync.Mutex
	people   map[string]operator.Principal
	nodes    []admin.Node
	counted  map[string]int
	contract *openapi3.T
	broken   error // of Authenticate

	recordDir string // of the decision record
}

// contract is read once for all tests.
var contract = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(api.Contract) })

const public = "https://admin.example.com"

// everybody are the principals of the tests, by the token that they send.
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
		"glass":   {Kind: operator.KindBreakGlass, ID: "bgl_glass", Name: "glass", Permissions: operator.Permissions(), ExpiresAt: until, SessionID: "ses_glass"},
	}
}

func newWorld(t testing.TB, change ...func(*admin.Config)) *world {
	t.Helper()
	w := &world{TB: t, clock: &clock{at: recordtest.Begin.Add(2 * time.Hour)}, log: &bytes.Buffer{}, counted: map[string]int{}}
	w.people = everybody(w.clock.now().Add(1000 * time.Hour))
	w.hooks = &webhooks{w: w, result: partner.HandshakeProved}
	w.openRegister()
	records := w.records(t)
	cfg := admin.Config{Registry: w.Registry, Authenticate: w.authenticate, Questions: w.questions(records), Decisions: []admin.Decisions{records},
		Traffic: w.sums(t), Records: w.inspector(), Tails: idleTails(t, w.clock.now),
		Checkpoints: func(record string) ([]byte, error) { return []byte("checkpoint of " + record + "\n"), nil }, Webhooks: w.hooks,
		Nodes: w.listNodes, PublicURL: public, Now: w.clock.now, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Environments: func() []admin.Environment {
			return []admin.Environment{{Name: "sandbox", APIs: []string{"card"}, Checklist: checklist()}, {Name: "production", After: "sandbox", APIs: []string{"card"}}}
		},
		Count: func(op string, status int) { w.mu.Lock(); w.counted[fmt.Sprint(op, " ", status)]++; w.mu.Unlock() }}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if w.server, err = admin.New(cfg); err != nil {
		t.Fatal(err)
	}
	if w.contract, err = contract(); err != nil {
		t.Fatal(err)
	}
	return w
}

func checklist() []partner.ChecklistItem {
	return []partner.ChecklistItem{{ID: "security", Title: "Security review", Evidence: partner.EvidenceManual, Required: true}}
}

func (w *world) openRegister() {
	w.Helper()
	dir := w.TempDir()
	ring, err := secret.OpenRing(ctx, secret.KeyFile{Path: filepath.Join(dir, "keys"), Create: true, Rand: rand.Reader}, rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "register.db")})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = db.Close() })
	w.Registry, err = registry.New(registry.Config{Store: registry.Adapt(db), Hasher: hasher{}, Now: w.clock.now, Rand: rand.Reader, Ring: ring,
		Reviews: map[string]partner.ReviewPolicy{"sandbox": {Items: checklist()}, "production": {After: "sandbox"}}})
	if err != nil {
		w.Fatal(err)
	}
}

// records is a decision record of some requests of two partners, as the gateway writes them.
func (w *world) records(t testing.TB) *search.Searcher {
	t.Helper()
	dir := t.TempDir()
	w.recordDir = dir
	record := recordtest.New(t, dir)
	all := record.Header()
	for i := range 40 {
		d := audit.Decision{Time: recordtest.Begin.Add(time.Duration(i) * time.Minute), RequestID: fmt.Sprintf("%032x", i+1), Environment: "sandbox",
			API: "card", Allowed: i%4 != 0, Reason: "allowed", Status: 200, Method: "POST", Path: "/card/1", Protocol: "HTTP/2.0", Partner: "ptn_recorded",
			Credential: "crd_recorded", Version: 1, Proved: true, Address: netip.MustParseAddr("203.0.113.7"), Peer: netip.MustParseAddr("203.0.113.7")}
		if i%4 == 0 {
			d.Reason, d.Status = "address_not_listed", 403
		}
		if i >= 30 {
			d.Environment = "production"
		}
		all = append(all, record.Close(d.AppendOpen(nil, audit.Form{}))...)
	}
	if err := os.WriteFile(filepath.Join(dir, "00000001.jsonl"), all, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := search.Open(search.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) questions(records *search.Searcher) admin.Questions {
	e, err := whatif.New(whatif.Config{Records: []whatif.Records{records}, Register: w.Registry, APIs: func() []*access.API { return served() }, Now: w.clock.now})
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// served are the APIs that the records are about.
func served() (list []*access.API) {
	for _, environment := range []string{"sandbox", "production"} {
		list = append(list, &access.API{Name: "card", Environment: environment, Protocol: access.Token, BasePaths: []string{"/card"}, TokenEndpoint: "/card/token"})
	}
	return list
}

// authenticate takes "Bearer NAME", and for "Bearer service:TOKEN" what the register says.
func (w *world) authenticate(r *http.Request) (operator.Principal, error) {
	if w.broken != nil {
		return operator.Principal{}, w.broken
	}
	name, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if cookie, err := r.Cookie("who"); err == nil {
		name = cookie.Value
	}
	if token, ok := strings.CutPrefix(name, "service:"); ok {
		return w.Principal(ctx, operator.ServiceToken, token)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.people[name]; ok {
		return p, nil
	}
	return operator.Principal{}, operator.ErrNotSignedIn
}

func (w *world) listNodes(context.Context) ([]admin.Node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]admin.Node(nil), w.nodes...), nil
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	w *world
	r *http.Request
}

// send sends a request as somebody. body: nil none; a string as it is; a []byte as octets; anything else as JSON.
func (w *world) send(who, method, target string, body any, headers ...string) answer {
	w.Helper()
	var content io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		content, kind = strings.NewReader(b), "application/json"
	case []byte:
		content, kind = bytes.NewReader(b), "application/octet-stream"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.Fatal(err)
		}
		content, kind = bytes.NewReader(raw), "application/json"
	}
	r := httptest.NewRequest(method, public+target, content)
	r.Host = "admin.example.com"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.serve(r)
}

func (w *world) serve(r *http.Request) answer {
	w.Helper()
	if r.URL.Path == "/v1/decisions/tail" { // an answer that is recorded has to end: its reader is gone when the stream begins
		gone, leave := context.WithCancel(r.Context())
		leave()
		r = r.WithContext(gone)
	}
	a := answer{httptest.NewRecorder(), w, r}
	w.server.ServeHTTP(a, r)
	a.check()
	return a
}

// check compares every answer of the API with the contract.
func (a answer) check() {
	a.w.Helper()
	if !strings.HasPrefix(a.r.URL.Path, "/v1/") {
		return
	}
	if a.Code >= 500 && a.Code != http.StatusServiceUnavailable {
		a.w.Errorf("%s %s answered %d: %s", a.r.Method, a.r.URL, a.Code, a.Body)
	}
	if a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("X-Content-Type-Options") != "nosniff" {
		a.w.Errorf("%s %s: the headers of every answer are missing: %v", a.r.Method, a.r.URL, a.Header())
	}
	path, item, op := a.w.find(a.r)
	if op == nil {
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: a.r, Route: &routers.Route{Spec: a.w.contract, Path: path, PathItem: item, Method: a.r.Method, Operation: op}}
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.Code, Header: a.Header(),
		Body: io.NopCloser(bytes.NewReader(a.Body.Bytes())), Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true}})
	if err != nil {
		a.w.Errorf("%s %s: the answer %d is not as the contract says: %v\n%s", a.r.Method, a.r.URL, a.Code, err, a.Body)
	}
}

// find is the operation of the contract that a request is for.
func (w *world) find(r *http.Request) (string, *openapi3.PathItem, *openapi3.Operation) {
	parts := strings.Split(r.URL.Path, "/")
	best, literal := "", -1
	for path := range w.contract.Paths.Map() {
		pattern := strings.Split(path, "/")
		if len(pattern) != len(parts) {
			continue
		}
		same := 0
		for i, p := range pattern {
			if p == parts[i] {
				same++
			} else if !strings.HasPrefix(p, "{") {
				same = -100
			}
		}
		if same > literal {
			best, literal = path, same
		}
	}
	if best == "" || literal < 0 {
		return "", nil, nil
	}
	item := w.contract.Paths.Value(best)
	return best, item, item.GetOperation(r.Method)
}

// want checks the status and reads the body into v, if there is one.
func (a answer) want(status int, v ...any) answer {
	a.w.Helper()
	if a.Code != status {
		a.w.Fatalf("%s %s answered %d, expected %d: %s", a.r.Method, a.r.URL, a.Code, status, a.Body)
	}
	for _, into := range v {
		if err := json.Unmarshal(a.Body.Bytes(), into); err != nil {
			a.w.Fatalf("%s %s: %v: %s", a.r.Method, a.r.URL, err, a.Body)
		}
	}
	return a
}

// refused checks that an answer is a problem of one type.
func (a answer) refused(kind api.ProblemType) api.Problem {
	a.w.Helper()
	var p api.Problem
	if err := json.Unmarshal(a.Body.Bytes(), &p); err != nil || p.Type != kind.URI() || p.Status != a.Code ||
		a.Header().Get("Content-Type") != "application/problem+json" {
		a.w.Fatalf("%s %s answered %d %s, expected the problem %s", a.r.Method, a.r.URL, a.Code, a.Body, kind)
	}
	return p
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

var (
	alice = registry.Actor{Kind: registry.Operator, Name: "alice"}
	bob   = registry.Actor{Kind: registry.Operator, Name: "bob"}
)

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

func mustPrefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

// text is a value of JSON in one line.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
