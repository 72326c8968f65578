package admin_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// shape is one operation of the contract with a request that fits it.
type shape struct {
	id, method, path string
	permissions      []string
	op               *openapi3.Operation
	media            string // empty: it takes no body
}

// shapes are all operations, by id.
func (w *world) shapes() (list []shape) {
	for path, item := range w.contract.Paths.Map() {
		for method, op := range item.Operations() {
			s := shape{id: op.OperationID, method: method, path: path, op: op}
			switch p := op.Extensions["x-permission"].(type) {
			case string:
				s.permissions = []string{p}
			case []any:
				for _, one := range p {
					s.permissions = append(s.permissions, one.(string))
				}
			}
			if op.RequestBody != nil {
				s.media = "application/json"
			}
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b shape) int { return strings.Compare(a.id, b.id) })
	return list
}

func (s shape) change() bool { return s.method != http.MethodGet && s.id != "whatIf" }

// body is one that fits the contract.
func (s shape) body() map[string]any {
	if s.media == "" {
		return nil
	}
	v, _ := sample(s.op.RequestBody.Value.Content.Get("application/json").Schema.Value, "").(map[string]any)
	return v
}

// query are the parameters that are required.
func (s shape) query() string {
	text := ""
	for _, p := range s.op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery && p.Value.Required {
			text += "&" + p.Value.Name + "=" + sample(p.Value.Schema.Value, p.Value.Name).(string)
		}
	}
	if text == "" {
		return ""
	}
	return "?" + text[1:]
}

// target is the path with these parts in it.
func (s shape) target(ids map[string]string) string {
	path := s.path
	for name, id := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	return path
}

// headers are those that the operation requires.
func (s shape) headers(etag string) []string {
	if (s.method == "PUT" || s.method == "PATCH" || s.method == "DELETE") && s.id != "sessionEnd" {
		return []string{"If-Match", etag}
	}
	return nil
}

// sample is a value that fits a schema.
func sample(s *openapi3.Schema, name string) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("object"):
		v := map[string]any{}
		for property, one := range s.Properties {
			v[property] = sample(one.Value, property)
		}
		return v
	case s.Type.Is("array"):
		return []any{sample(s.Items.Value, name)}
	case s.Type.Is("integer"):
		if s.Min != nil && *s.Min > 0 {
			return *s.Min
		}
		return 1
	case s.Type.Is("boolean"):
		return false
	case s.Format == "date-time":
		return "2026-11-20T09:00:00Z"
	}
	known := map[string]string{"^[0-9a-f]{64}$": strings.Repeat("0", 64), "^https://": "https://example.com/x", "^[A-Z]{2}$": "CA",
		"^[0-9a-f]{32}$": strings.Repeat("0", 31) + "1", "^[a-z0-9][a-z0-9_-]*$": "sandbox", "^[a-z][a-z0-9_-]*$": "security"}
	if text, ok := known[s.Pattern]; ok {
		return text
	}
	switch name {
	case "prefix":
		return "203.0.113.0/24"
	case "login":
		return "carol@example.com"
	}
	return "x1"
}

// populated is a world in which every kind of thing is there, of a partner and of another one; ids are the first one's.
func populated(t testing.TB) (w *world, ids map[string]string) {
	t.Helper()
	w = newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	other := w.admitted("Mark of the other", "sandbox", "production")
	w.thingsOf(other, "production", "mark-of-the-other")
	ids = w.thingsOf(id, "sandbox", "acme")
	ids["partner"], ids["environment"], ids["item"], ids["request_id"] = id, "sandbox", "security", strings.Repeat("0", 31)+"1"
	ids["record"], ids["seq"] = "decisions", "1"
	w.must(w.RequestReview(ctx, alice, w.admitted("New"), "sandbox", ""))
	return w, ids
}

// thingsOf gives a partner one of everything.
func (w *world) thingsOf(id, environment, name string) map[string]string {
	w.Helper()
	issued, err := w.IssueApp(ctx, alice, id, environment)
	w.must(err)
	rule, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: environment, Prefix: mustPrefix("203.0.113.0/24"), Note: name})
	w.must(err)
	limit, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: id, Environment: environment, API: name, Daily: 5})
	w.must(err)
	hook, err := w.AddEndpoint(ctx, alice, partner.Endpoint{PartnerID: id, Environment: environment, URL: "https://example.com/" + name})
	w.must(err)
	evidence, err := w.AddEvidence(ctx, alice, id, environment, registry.EvidenceAdd{Name: name, URL: "https://example.com/" + name})
	if err != nil { // the review is over: what is attached belongs to the next one
		evidence.ID = "evd_nothing"
	}
	op, err := registry.NewOperation(registry.OpNetworkAllow, id, "production", registry.NetworkAllow{Prefix: mustPrefix("198.51.100.0/24"), Note: name})
	w.must(err)
	done, err := w.Do(ctx, registry.Actor{Kind: registry.Operator, Name: "other@example.com"}, op, registry.Intent{})
	w.must(err)
	account, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: name + "@example.com", Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	service, _, err := w.CreateService(ctx, alice, registry.ServiceCreate{Name: name, Roles: []operator.Role{operator.Viewer}, NotAfter: w.clock.now().Add(time.Hour)})
	w.must(err)
	glass, _, err := w.MakeBreakGlass(ctx, alice, registry.BreakGlassMake{Name: name})
	w.must(err)
	op, err = registry.NewOperation(registry.OpMemberInvite, id, "", registry.MemberInvite{Login: name + "@partner.example"})
	w.must(err)
	member, err := w.Do(ctx, registry.Actor{Kind: registry.Operator, Name: "other@example.com"}, op, registry.Intent{})
	w.must(err)
	return map[string]string{"member": member.Member.ID, "credential": issued.Credential.ID, "network": rule.ID, "limit_id": limit.ID, "endpoint": hook.Endpoint.ID, "evidence": evidence.ID,
		"proposal": done.Proposal.ID, "account": account.Account.ID, "service": service.ID, "break_glass": glass.ID, "session": "ses_nothing"}
}

// lastRefused is the number of the newest row of a refused attempt.
func (w *world) lastRefused() uint64 {
	w.Helper()
	page, err := w.ChangePage(ctx, audit.ChangeQuery{Actions: []audit.Action{audit.AttemptRefused}, Newest: true, Limit: 1}, "")
	w.must(err)
	if len(page.Items) == 0 {
		return 0
	}
	return page.Items[0].Value.Seq
}

func encode(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// problemOf is an answer as a problem; its zero for anything else.
func problemOf(a answer) (p api.Problem) {
	if a.Header().Get("Content-Type") == "application/problem+json" {
		_ = json.Unmarshal(a.Body.Bytes(), &p)
	}
	return p
}
