package admin_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// TestRule11PagesTellNothingOfWhatIsHidden: neither a cursor nor a page that ends early says that another environment has rows.
func TestRule11PagesTellNothingOfWhatIsHidden(t *testing.T) {
	w := newWorld(t)
	w.people["two"] = operator.Principal{Kind: operator.KindAccount, ID: "opr_two", Name: "two@example.com", Roles: []operator.Role{operator.Operator},
		Permissions: operator.PermissionsOf([]operator.Role{operator.Operator}), Environments: []string{"sandbox", "lab"}, ExpiresAt: w.clock.now().Add(1000 * time.Hour)}
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{{Environment: "sandbox", Approvals: 1},
		{Environment: "production", Approvals: 1}}}, "for a test")
	w.must(err)
	var ids []string
	for i := range 4 {
		id := w.admitted(fmt.Sprintf("Acme %d", i), "sandbox", "production")
		for _, environment := range []string{"production", "sandbox", "production"} {
			issued, err := w.IssueSigningKey(ctx, alice, id, environment)
			w.must(err)
			if environment == "production" {
				ids = append(ids, issued.Credential.ID)
			}
			op, err := registry.NewOperation(registry.OpNetworkAllow, id, environment, registry.NetworkAllow{Prefix: mustPrefix("198.51.100.0/24")})
			w.must(err)
			w.clock.pass(time.Second)
			done, err := w.Do(ctx, registry.Actor{Kind: registry.Operator, Name: "other@example.com"}, op, registry.Intent{})
			w.must(err)
			if environment == "production" {
				ids = append(ids, done.Proposal.ID)
			}
		}
	}
	for _, who := range []string{"sandbox", "two"} {
		for _, target := range []string{"/v1/credentials?limit=1", "/v1/proposals?limit=1", "/v1/reviews?limit=1"} {
			after, seen := "", 0
			for range 20 {
				var page struct {
					Items []map[string]any
					Next  string
				}
				w.send(who, "GET", target+after, nil).want(http.StatusOK, &page)
				seen, after = seen+len(page.Items), "&after="+page.Next
				if page.Next == "" {
					break
				}
				if page.Next != "" && len(page.Items) == 0 {
					t.Fatalf("%s for %s: an empty page goes on: something hidden is there", target, who)
				}
				place, err := base64.RawURLEncoding.DecodeString(page.Next)
				w.must(err)
				if strings.Contains(string(place), "production") {
					t.Fatalf("%s for %s: the cursor is a hidden row: %q", target, who, place)
				}
				for _, id := range ids {
					if strings.Contains(string(place), id) {
						t.Fatalf("%s for %s: the cursor is a hidden row: %q", target, who, place)
					}
				}
			}
			if seen != 4 {
				t.Errorf("%s for %s: %d items in all", target, who, seen)
			}
		}
		for _, target := range []string{"/v1/credentials?environment=production&limit=1", "/v1/proposals?environment=production&limit=1", "/v1/reviews?environment=production&limit=1"} {
			var page api.CredentialPage
			if w.send(who, "GET", target, nil).want(http.StatusOK, &page); len(page.Items)+len(page.Next) > 0 {
				t.Errorf("%s for %s: %+v", target, who, page)
			}
		}
	}
}

// TestRule11AReviewsStateIsItsEnvironments: who is confined asks for the state of reviews in an environment that is theirs.
func TestRule11AReviewsStateIsItsEnvironments(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	w.must(w.Suspend(ctx, alice, id, "production", "fraud"))
	var page api.PartnerPage
	w.send("viewer", "GET", "/v1/partners?state=suspended", nil).want(http.StatusOK, &page)
	if len(page.Items) != 1 {
		t.Errorf("who sees all environments: %+v", page)
	}
	page = api.PartnerPage{}
	if w.send("sandbox", "GET", "/v1/partners?state=suspended", nil).want(http.StatusOK, &page); len(page.Items) != 0 {
		t.Errorf("a caller of sandbox is told that a partner is suspended in production: %+v", page)
	}
	if w.send("sandbox", "GET", "/v1/partners?state=approved", nil).want(http.StatusOK, &page); len(page.Items) != 1 {
		t.Errorf("their own environment: %+v", page)
	}
}

// TestAFirstLimitIsNotOverwrittenEither: of several who say that there is none yet, one sets it.
func TestAFirstLimitIsNotOverwrittenEither(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	for round := range 10 {
		codes := make([]int, 6)
		var all sync.WaitGroup
		for i := range codes {
			all.Go(func() {
				body := fmt.Sprintf(`{"environment":"sandbox","api":"api%d","daily":%d}`, round, i+1)
				r := httptest.NewRequest("PUT", public+"/v1/partners/"+id+"/limits", strings.NewReader(body))
				r.Host = "admin.example.com"
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer operator")
				r.Header.Set("If-Match", `"none"`)
				rec := httptest.NewRecorder()
				w.server.ServeHTTP(rec, r)
				codes[i] = rec.Code
			})
		}
		all.Wait()
		set := 0
		for _, code := range codes {
			if code == http.StatusOK {
				set++
			} else if code != http.StatusPreconditionFailed {
				t.Errorf("answered %d", code)
			}
		}
		if set != 1 {
			t.Fatalf("%d of %d have set the first limit", set, len(codes))
		}
	}
}

// TestRule11TheSettingsOfAnotherEnvironmentAreItsOwn, and those of one's own are told.
func TestRule11TheSettingsOfAnotherEnvironmentAreItsOwn(t *testing.T) {
	w := newWorld(t)
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{{Environment: "sandbox", Approvals: 1},
		{Environment: "production", Approvals: 2}}}, "for a test")
	w.must(err)
	body := w.send("sandbox", "GET", "/v1/settings/approvals", nil).want(http.StatusOK).Body.String()
	if strings.Contains(body, "production") || !strings.Contains(body, "sandbox") {
		t.Error(body)
	}
}

// TestAProblemSpeaksToPeople: it says what is wrong, without the names of our functions in front.
func TestAProblemSpeaksToPeople(t *testing.T) {
	w := newWorld(t)
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	told := w.send("operator", "POST", "/v1/partners/"+p.ID+"/credentials", api.CredentialIssue{Environment: "sandbox", Kind: api.CredentialKindApp}).refused(api.Conflict)
	if strings.Contains(strings.ToLower(told.Detail), "credential.issue") || !strings.HasPrefix(told.Detail, "The review of") && !strings.HasPrefix(told.Detail, "Issue") {
		t.Error(told.Detail)
	}
}

// TestARepeatedRequestIsToldWhatBecameOfItsProposal: it was applied, rejected or withdrawn since, and nothing is done again.
func TestARepeatedRequestIsToldWhatBecameOfItsProposal(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	ask := func(key string) answer {
		return w.send("operator", "POST", "/v1/partners/"+id+"/networks", api.NetworkAllow{Environment: "production",
			Prefix: map[string]string{"rejected": "203.0.113.0/24", "withdrawn": "198.51.100.0/24", "applied": "192.0.2.0/24"}[key]}, "Idempotency-Key", key)
	}
	for key, end := range map[string]func(p api.Proposal){
		"rejected": func(p api.Proposal) {
			w.send("approver", "POST", "/v1/proposals/"+p.ID+"/reject", api.Act{Reason: "not now"}).want(http.StatusOK)
		},
		"withdrawn": func(p api.Proposal) {
			w.send("operator", "POST", "/v1/proposals/"+p.ID+"/withdraw", api.Act{}).want(http.StatusOK)
		},
		"applied": func(p api.Proposal) {
			w.send("approver", "POST", "/v1/proposals/"+p.ID+"/approve", api.ProposalApprove{Digest: p.Digest}).want(http.StatusOK)
		},
	} {
		var first, again api.Proposal
		ask(key).want(http.StatusAccepted, &first)
		end(first)
		before, err := w.Revision(ctx)
		w.must(err)
		ask(key).want(http.StatusAccepted, &again)
		if after, _ := w.Revision(ctx); again.ID != first.ID || string(again.State) != key || after != before {
			t.Errorf("%s: %+v, revision %d to %d", key, again, before, after)
		}
	}
}
