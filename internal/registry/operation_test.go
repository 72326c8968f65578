package registry_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// The people and programs of the admin API.
var (
	ann   = registry.Actor{Kind: registry.Operator, Name: "ann@example.com"}
	ben   = registry.Actor{Kind: registry.Operator, Name: "ben@example.com"}
	cat   = registry.Actor{Kind: registry.Operator, Name: "cat@example.com"}
	ship  = registry.Actor{Kind: registry.Service, Name: "deployer"}
	glass = registry.Actor{Kind: registry.BreakGlass, Name: "fire"}
)

// op is an operation in its one form.
func (w *world) op(name registry.OperationName, partnerID, environment string, params any) registry.Operation {
	w.t.Helper()
	made, err := registry.NewOperation(name, partnerID, environment, params)
	w.must(err)
	located, err := w.Locate(ctx, made)
	w.must(err)
	return located
}

// do asks for an operation, which must be done or wait.
func (w *world) do(actor registry.Actor, op registry.Operation, in registry.Intent) registry.Done {
	w.t.Helper()
	done, err := w.Do(ctx, actor, op, in)
	if err != nil {
		w.t.Fatalf("%s: %v", op.Name, err)
	}
	if n, err := w.Revision(ctx); err != nil || !done.Repeated && done.Revision != n {
		w.t.Errorf("%s tells revision %d, the register has %d, %v", op.Name, done.Revision, n, err)
	}
	return done
}

// free lets nothing wait.
func (w *world) free() {
	w.t.Helper()
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{}, "alone")
	w.must(err)
}

// produced is a partner that is approved for production.
func (w *world) produced() partner.Partner {
	w.t.Helper()
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	w.must(w.RequestReview(ctx, alice, p.ID, "production", ""))
	w.must(w.Approve(ctx, bob, p.ID, "production", ""))
	return p
}

func from(text string) registry.NetworkAllow {
	return registry.NetworkAllow{Prefix: netip.MustParsePrefix(text)}
}

// TestEveryOperationIsExecuted does each of OperationNames through Do, against a real store, and looks for its row.
func TestEveryOperationIsExecuted(t *testing.T) {
	w := newWorld(t, func(c *registry.Config) {
		c.Reviews = map[string]partner.ReviewPolicy{"sandbox": {Items: []partner.ChecklistItem{
			{ID: "look", Title: "Looked at", Evidence: partner.EvidenceManual, Required: true}}}}
	})
	w.free()
	left := map[registry.OperationName]bool{}
	for _, n := range registry.OperationNames() {
		left[n] = true
	}
	try := func(actor registry.Actor, name registry.OperationName, partnerID, environment string, params any, row audit.Action) registry.Done {
		t.Helper()
		delete(left, name)
		before, err := w.Revision(ctx)
		w.must(err)
		const why = "ticket 4711"
		done := w.do(actor, w.op(name, partnerID, environment, params), registry.Intent{Reason: why})
		if done.Proposal != nil {
			t.Fatalf("%s waits although nothing has to", name)
		}
		rows, err := w.Changes(ctx, before, 0)
		w.must(err)
		if row == "" && len(rows) == 0 {
			return done
		}
		if !slices.ContainsFunc(rows, func(c audit.Change) bool { return c.Action == row && c.Actor == actor.String() }) {
			t.Errorf("%s wrote %+v, and no %s by %s", name, rows, row, actor)
		}
		for _, c := range rows {
			if strings.Count(c.Detail, why) != 1 {
				t.Errorf("%s: the row %s says %q, and once why it was asked for", name, c.Action, c.Detail)
			}
		}
		return done
	}
	p := try(ann, registry.OpPartnerCreate, "", "", registry.PartnerCreate{Name: "Acme"}, audit.PartnerCreated).Partner.ID
	const env = "sandbox"
	try(ann, registry.OpReviewRequest, p, env, registry.ReviewRequest{}, audit.ReviewRequested)
	try(ben, registry.OpReviewStart, p, env, registry.ReviewStart{}, audit.ReviewStarted)
	try(ben, registry.OpReviewCheck, p, env, registry.ReviewCheck{Item: "look", Done: true}, audit.ReviewChecked)
	try(ann, registry.OpEvidenceAdd, p, env, registry.EvidenceAdd{Name: "report", URL: "https://example.com/r"}, audit.EvidenceAdded)
	file := try(ann, registry.OpCommentAdd, p, env, registry.CommentAdd{Text: "please"}, audit.CommentAdded).Review
	try(ben, registry.OpReviewApprove, p, env, registry.ReviewApprove{Digest: hex.EncodeToString(file.Digest[:])}, audit.ReviewApproved)

	app := try(ann, registry.OpCredentialIssue, p, env, registry.CredentialIssue{Kind: partner.App}, audit.CredentialIssued).Issued
	c := app.Credential.ID
	later := w.clock.now().Add(time.Hour)
	try(ann, registry.OpCredentialRotate, p, env, registry.CredentialRotate{Credential: c, OverlapUntil: later}, audit.CredentialRotated)
	try(ann, registry.OpCredentialBind, p, env, registry.CredentialBind{Credential: c, ClientKeys: []string{strings.Repeat("ab", 32)}}, audit.CredentialBound)
	try(ann, registry.OpCredentialUnlock, p, env, registry.CredentialUnlock{Credential: c}, "")
	try(ann, registry.OpCredentialSchedule, p, env, registry.CredentialSchedule{Credential: c, EverySeconds: 30 * 86400, OverlapSeconds: 86400},
		audit.RotationScheduled)
	try(ann, registry.OpCredentialRetire, p, env, registry.CredentialRetire{Credential: c, Version: 1}, audit.VersionRetired)
	try(ann, registry.OpTokensRevoke, p, env, registry.TokensRevoke{Credential: c}, audit.TokensRevoked)

	rule := try(ann, registry.OpNetworkAllow, p, env, from("192.0.2.0/24"), audit.NetworkAllowed).Network
	try(ann, registry.OpNetworkRemove, p, env, registry.NetworkRemove{ID: rule.ID}, audit.NetworkRemoved)
	limit := try(ann, registry.OpLimitSet, p, env, registry.LimitSet{Rate: 5, PerSeconds: 1, Burst: 5}, audit.LimitSet).Limit
	try(ann, registry.OpLimitRemove, p, env, registry.LimitRemove{ID: limit.ID}, audit.LimitRemoved)

	endpoint := try(ann, registry.OpEndpointAdd, p, env, registry.EndpointAdd{URL: "https://example.com/hook"}, audit.EndpointAdded).Endpoint
	w.must(w.KeepHandshake(ctx, partner.Handshake{EndpointID: endpoint.ID, At: w.clock.now(), Result: partner.HandshakeProved,
		KeyID: endpoint.Keys[0].ID, Status: 200}))
	try(ann, registry.OpEndpointVerify, p, env, registry.EndpointVerify{ID: endpoint.ID}, audit.EndpointVerified)
	try(ann, registry.OpEndpointRotate, p, env, registry.EndpointRotate{ID: endpoint.ID}, audit.EndpointRotated)
	try(ann, registry.OpEndpointDisable, p, env, registry.EndpointDisable{ID: endpoint.ID}, audit.EndpointDisabled)
	try(ann, registry.OpEndpointRemove, p, env, registry.EndpointRemove{ID: endpoint.ID}, audit.EndpointRemoved)

	member := try(ann, registry.OpMemberInvite, p, "", registry.MemberInvite{Login: "eve@acme.example"}, audit.MemberInvited).Member.ID
	try(ann, registry.OpMemberReinvite, p, "", registry.MemberReinvite{Member: member}, audit.MemberInvited)
	try(ann, registry.OpMemberDisable, p, "", registry.MemberDisable{Member: "eve@acme.example"}, audit.MemberDisabled)
	try(ann, registry.OpMemberEnable, p, "", registry.MemberEnable{Member: member}, audit.MemberEnabled)

	try(ann, registry.OpReviewSuspend, p, env, registry.ReviewSuspend{}, audit.ReviewSuspended)
	try(ann, registry.OpReviewResume, p, env, registry.ReviewResume{}, audit.ReviewResumed)
	try(ann, registry.OpCredentialRevoke, p, env, registry.CredentialRevoke{Credential: c}, audit.CredentialRevoked)
	try(ann, registry.OpPartnerUnlock, p, "", registry.PartnerUnlock{}, "")
	try(ann, registry.OpReviewWithdraw, p, env, registry.ReviewWithdraw{}, audit.ReviewWithdrawn)
	try(ann, registry.OpReviewRequest, p, env, registry.ReviewRequest{}, audit.ReviewRequested)
	try(ann, registry.OpReviewClose, p, env, registry.ReviewClose{}, audit.ReviewClosed)
	try(ann, registry.OpPartnerClose, p, "", registry.PartnerClose{}, audit.PartnerClosed)

	try(cat, registry.OpSealingKeyRotate, "", env, registry.SealingKeyRotate{}, audit.SealingKeyRotated)
	try(cat, registry.OpSealingKeyDrop, "", env, registry.SealingKeyDrop{}, audit.SealingKeyDropped)
	try(ship, registry.OpRegisterApply, "", "", registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Bolt"}}}, audit.PartnerCreated)
	account := try(cat, registry.OpAccountInvite, "", "", registry.AccountInvite{Login: "dan@example.com", Roles: []operator.Role{operator.Viewer}},
		audit.AccountInvited).Account.ID
	try(cat, registry.OpAccountChange, "", "", registry.AccountChange{Account: account, Roles: []operator.Role{operator.Auditor}}, audit.AccountChanged)
	try(cat, registry.OpAccountDisable, "", "", registry.AccountDisable{Account: account}, audit.AccountDisabled)
	try(cat, registry.OpAccountEnable, "", "", registry.AccountEnable{Account: account}, audit.AccountEnabled)
	try(cat, registry.OpServiceCreate, "", "", registry.ServiceCreate{Name: "deployer", Roles: []operator.Role{operator.Operator},
		NotAfter: later}, audit.ServiceCreated)
	try(cat, registry.OpServiceRevoke, "", "", registry.ServiceRevoke{Service: "deployer"}, audit.ServiceRevoked)
	try(cat, registry.OpBreakGlassMake, "", "", registry.BreakGlassMake{Name: "fire"}, audit.BreakGlassMade)
	try(cat, registry.OpBreakGlassEnd, "", "", registry.BreakGlassEnd{BreakGlass: "fire"}, audit.BreakGlassEnded)
	try(cat, registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{Approvals: registry.DefaultApprovals()}, audit.SettingsChanged)
	for name := range left {
		t.Errorf("%s is in the list, and was not tried", name)
	}
	if report, err := w.VerifyChanges(ctx, nil); err != nil || !report.OK() {
		t.Errorf("%q, %v", report.Lines(), err)
	}
}

// What waits for a second person is a table that reads like a policy.
func TestWhatWaitsInProduction(t *testing.T) {
	waits := map[registry.OperationName]bool{}
	for _, n := range []registry.OperationName{registry.OpNetworkAllow, registry.OpNetworkRemove, registry.OpLimitSet, registry.OpLimitRemove,
		registry.OpCredentialIssue, registry.OpCredentialRotate, registry.OpCredentialBind, registry.OpCredentialSchedule, registry.OpReviewResume,
		registry.OpReviewClose, registry.OpEndpointAdd, registry.OpEndpointRotate, registry.OpPartnerClose, registry.OpSealingKeyDrop,
		registry.OpRegisterApply, registry.OpAccountInvite, registry.OpAccountChange, registry.OpAccountEnable, registry.OpServiceCreate,
		registry.OpBreakGlassMake, registry.OpSettingsApprovals} {
		waits[n] = true
	}
	for _, n := range registry.OperationNames() {
		if n.Waits() != waits[n] {
			t.Errorf("%s waits: %v", n, n.Waits())
		}
		link := n == registry.OpMemberInvite || n == registry.OpMemberReinvite // who makes it is barred from what the member asks
		if n.YieldsSecret() && !n.Waits() && !link {
			t.Errorf("%s makes a secret that no second person knows of", n)
		}
	}
	if registry.OperationName("partner.delete").Waits() {
		t.Error("an unknown operation waits")
	}
}

// An operation says what it concerns, and is held to it: a permission for one environment never changes another (security rule 11).
func TestRule11AnOperationIsOfItsOwnEnvironment(t *testing.T) {
	w := newWorld(t)
	w.free()
	p, q := w.produced(), w.admitted()
	rule, err := w.Allow(ctx, alice, country(p.ID, "US"))
	w.must(err)
	rule.ID = w.networkIn(p.ID, "production", "DE")
	key, err := w.IssueSigningKey(ctx, alice, p.ID, "production")
	w.must(err)
	limit, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: p.ID, Environment: "production", Daily: 5})
	w.must(err)
	for name, params := range map[registry.OperationName]any{
		registry.OpNetworkRemove:    registry.NetworkRemove{ID: rule.ID},
		registry.OpLimitSet:         registry.LimitSet{Credential: key.Credential.ID, Daily: 7},
		registry.OpLimitRemove:      registry.LimitRemove{ID: limit.ID},
		registry.OpCredentialRevoke: registry.CredentialRevoke{Credential: key.Credential.ID},
		registry.OpCredentialRotate: registry.CredentialRotate{Credential: key.Credential.ID},
		registry.OpCredentialBind:   registry.CredentialBind{Credential: key.Credential.ID},
		registry.OpCredentialUnlock: registry.CredentialUnlock{Credential: key.Credential.ID},
		registry.OpTokensRevoke:     registry.TokensRevoke{Credential: key.Credential.ID},
	} {
		for _, at := range [][2]string{{p.ID, "sandbox"}, {q.ID, "production"}, {q.ID, "sandbox"}} {
			op, err := registry.NewOperation(name, at[0], at[1], params)
			w.must(err)
			w.refuse(registry.ErrNotFound, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
			w.refuse(registry.ErrNotFound, func() error { _, err := w.Locate(ctx, op); return err })
		}
		bare, err := registry.NewOperation(name, "", "", params)
		w.must(err)
		located, err := w.Locate(ctx, bare)
		if err != nil || located.PartnerID != p.ID || located.Environment != "production" {
			t.Errorf("%s: %+v, %v", name, located, err)
		}
		w.refuse(registry.ErrArgument, func() error { _, err := w.Do(ctx, ann, bare, registry.Intent{}); return err })
	}
}

// networkIn allows a country in an environment and returns the rule's id.
func (w *world) networkIn(partnerID, environment, code string) string {
	w.t.Helper()
	rule, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: partnerID, Environment: environment, Country: code})
	w.must(err)
	return rule.ID
}

func TestOperationsAreReadStrictly(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.admitted()
	deep := `{"partners":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}"
	for name, op := range map[string]registry.Operation{
		"no name":               {},
		"an unknown name":       {Name: "partner.delete"},
		"another case":          {Name: "Network.Allow", PartnerID: p.ID, Environment: "sandbox"},
		"no partner":            {Name: registry.OpNetworkAllow, Environment: "sandbox"},
		"no environment":        {Name: registry.OpNetworkAllow, PartnerID: p.ID},
		"an environment's path": {Name: registry.OpNetworkAllow, PartnerID: p.ID, Environment: "../x"},
		"a partner too many":    {Name: registry.OpPartnerCreate, PartnerID: p.ID, Params: json.RawMessage(`{"name":"x"}`)},
		"an unknown member":     w.allowing(p.ID, `{"country":"US","note2":"x"}`),
		"a member twice":        w.allowing(p.ID, `{"country":"US","country":"DE"}`),
		"a member's case":       w.allowing(p.ID, `{"Country":"US"}`),
		"a kelvin sign":         w.allowing(p.ID, "{\"\u212A\":1}"),
		"text behind":           w.allowing(p.ID, `{"country":"US"}{}`),
		"a list":                w.allowing(p.ID, `[]`),
		"null":                  w.allowing(p.ID, `null`),
		"no JSON":               w.allowing(p.ID, `{"country":`),
		"a number for a text":   w.allowing(p.ID, `{"country":1}`),
		"a prefix that is none": w.allowing(p.ID, `{"prefix":"192.0.2.0/33"}`),
		"too deep":              {Name: registry.OpRegisterApply, Params: json.RawMessage(deep)},
		"a negative span":       {Name: registry.OpLimitSet, PartnerID: p.ID, Environment: "sandbox", Params: json.RawMessage(`{"rate":1,"per_seconds":-1,"burst":1}`)},
		"a span that overflows": {Name: registry.OpLimitSet, PartnerID: p.ID, Environment: "sandbox", Params: json.RawMessage(`{"rate":1,"per_seconds":9223372036854775807,"burst":1}`)},
	} {
		t.Run(name, func(t *testing.T) {
			w.refuse(registry.ErrArgument, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
		})
	}
	for name, in := range map[string]registry.Intent{
		"a reason of two lines":     {Reason: "a\nb"},
		"a long reason":             {Reason: strings.Repeat("x", 501)},
		"a long key":                {IdempotencyKey: strings.Repeat("x", 201)},
		"a key with a space":        {IdempotencyKey: "a b"},
		"a key that is not ASCII":   {IdempotencyKey: "ä"},
		"too many rows":             {IfMatch: make([]audit.Touch, registry.MaxIfMatch+1)},
		"a row that is none":        {IfMatch: []audit.Touch{{Row: "table/x"}}},
		"a plan as if it was a row": {IfMatch: []audit.Touch{{Row: "plan"}}},
	} {
		t.Run(name, func(t *testing.T) {
			w.refuse(registry.ErrArgument, func() error { _, err := w.Do(ctx, ann, w.allowing(p.ID, `{"country":"US"}`), in); return err })
		})
	}
	for _, nobody := range []registry.Actor{{}, {Kind: registry.Partner, Name: "244"}, {Kind: "root", Name: "x"}, {Kind: registry.Operator}} {
		w.refuse(registry.ErrActor, func() error {
			_, err := w.Do(ctx, nobody, w.allowing(p.ID, `{"country":"US"}`), registry.Intent{})
			return err
		})
	}
}

func (w *world) allowing(partnerID, params string) registry.Operation {
	return registry.Operation{Name: registry.OpNetworkAllow, PartnerID: partnerID, Environment: "sandbox", Params: json.RawMessage(params)}
}

// Equal operations have one form and one digest, and every field is part of it.
func TestAnOperationHasOneDigest(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	one, err := w.Locate(ctx, w.allowing(p.ID, `{"country":"US","note":"<office>"}`))
	w.must(err)
	same, err := w.Locate(ctx, w.allowing(p.ID, " {\n\"note\": \"\\u003coffice\\u003e\", \"country\":\"\\u0055S\", \"api\":\"\"}"))
	w.must(err)
	if one.Digest() != same.Digest() || string(one.Params) != `{"country":"US","note":"<office>"}` {
		t.Errorf("%s and %s", one.Params, same.Params)
	}
	seen := map[[32]byte]string{one.Digest(): "itself"}
	for name, change := range map[string]func(*registry.Operation){
		"name":        func(o *registry.Operation) { o.Name = registry.OpNetworkRemove },
		"partner":     func(o *registry.Operation) { o.PartnerID += "x" },
		"environment": func(o *registry.Operation) { o.Environment = "production" },
		"params":      func(o *registry.Operation) { o.Params = json.RawMessage(`{"country":"DE"}`) },
		"a border": func(o *registry.Operation) {
			o.PartnerID, o.Environment = o.PartnerID+o.Environment[:1], o.Environment[1:]
		},
	} {
		other := one
		change(&other)
		if before, twice := seen[other.Digest()]; twice {
			t.Errorf("%s has the digest of %s", name, before)
		}
		seen[other.Digest()] = name
	}
}

// A declarative file survives its way as data: above all the difference between no list and an empty one.
func TestApplyComesBackAsItWas(t *testing.T) {
	want := registry.Desired{Prune: true, Partners: []registry.DesiredPartner{
		{Name: "Acme", Environments: []registry.DesiredEnvironment{
			{Name: "sandbox", Requested: true, Networks: []registry.DesiredNetwork{}, Limits: []registry.DesiredLimit{}},
			{Name: "production", Networks: []registry.DesiredNetwork{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Note: "n"}, {Country: "US", API: "card"}},
				Limits: []registry.DesiredLimit{{API: "card", Rate: 5, Per: time.Minute, Burst: 2, Daily: 9, Credential: "crd_a"}}},
			{Name: "other"},
		}},
		{Name: "Gone", Closed: true},
	}}
	op, err := registry.NewOperation(registry.OpRegisterApply, "", "", registry.ApplyOf(want))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	if op, err = w.Locate(ctx, op); err != nil {
		t.Fatal(err)
	}
	var p registry.RegisterApply
	if err := json.Unmarshal(op.Params, &p); err != nil {
		t.Fatal(err)
	}
	if got := p.Desired(); fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

func FuzzOperation(f *testing.F) {
	for _, n := range registry.OperationNames() {
		f.Add(string(n), "ptn_a", "sandbox", `{"id":"x","credential":"crd_a"}`)
		f.Add(string(n), "", "", `{}`)
	}
	r, db, err := openReal(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	f.Fuzz(func(t *testing.T, name, partnerID, environment, params string) {
		op, err := r.Locate(ctx, registry.Operation{Name: registry.OperationName(name), PartnerID: partnerID, Environment: environment,
			Params: json.RawMessage(params)})
		if err != nil {
			if !errors.Is(err, registry.ErrArgument) && !errors.Is(err, registry.ErrNotFound) {
				t.Fatalf("%q: %v", params, err)
			}
			return
		}
		again, err := r.Locate(ctx, op)
		if err != nil || again.Digest() != op.Digest() {
			t.Errorf("%s is not the one form of %q: %s, %v", op.Params, params, again.Params, err)
		}
	})
}
