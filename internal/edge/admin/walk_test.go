package admin_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// hostile are values that no member of a body is meant to have all of.
func hostile() []any {
	return []any{nil, true, -1, 1e300, 0.5, "", strings.Repeat("x", 5000), "\x00\r\n", "../../etc/passwd", "'; drop table partner; --", "<script>", "\u202eevil",
		[]any{}, []any{map[string]any{"a": 1}}, map[string]any{}, map[string]any{"constructor": nil}, "9999-99-99T99:99:99Z", "::1", "ptn_nothing"}
}

// attack is one hostile request.
type attack struct {
	name, target string
	body         any
	headers      []string
	who          string
}

// attacks are those on one operation: made of its contract, not of its code.
func attacks(t testing.TB, s shape, ids map[string]string) (list []attack) {
	target, good := s.target(ids)+s.query(), s.body()
	stale, star := s.headers(`"`+strings.Repeat("a", 64)+`"`), s.headers("*")
	var whole any
	if good != nil {
		whole = good
	}
	list = append(list, attack{"nobody", target, whole, star, ""}, attack{"a stranger", target, whole, star, "stranger"},
		attack{"an unknown parameter", s.target(ids) + "?zzz=1", whole, star, "root"}, attack{"a doubled parameter", s.target(ids) + "?limit=1&limit=1", whole, star, "root"},
		attack{"no ETag", target, whole, nil, "root"}, attack{"a stale ETag", target, whole, stale, "root"},
		attack{"another environment", target, whole, star, "sandbox"})
	for _, role := range []string{"viewer", "operator", "approver", "auditor", "admin", "nobody"} {
		list = append(list, attack{"as " + role, target, whole, stale, role})
	}
	for name := range ids {
		if strings.Contains(s.path, "{"+name+"}") {
			for _, id := range []string{"ptn_nothing", strings.Repeat("x", 3000), "%00", "a%2fb", "x'y", "-", "%F0%9F%98%80"} {
				mine := maps.Clone(ids)
				mine[name] = id
				list = append(list, attack{name + " " + id[:min(20, len(id))], s.target(mine) + s.query(), whole, star, "root"})
			}
		}
	}
	for _, p := range s.op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			for _, v := range []string{"", "x", "-1", "99999999999999999999", "%00", strings.Repeat("y", 3000), "1;drop"} {
				list = append(list, attack{p.Value.Name + "=" + v[:min(20, len(v))], s.target(ids) + "?" + p.Value.Name + "=" + v, whole, star, "root"})
			}
		}
		if p.Value.In == openapi3.ParameterInHeader {
			for _, v := range []string{strings.Repeat("z", 3000), "\xff", "a b", "wait=99999999999999999999", "wait=0"} {
				list = append(list, attack{p.Value.Name, target, whole, append(append([]string{}, star...), p.Value.Name, v), "root"})
			}
		}
	}
	if good == nil {
		return append(list, attack{"a body", target, "{}", star, "root"})
	}
	for name := range good {
		for _, v := range hostile() {
			bad := maps.Clone(good)
			bad[name] = v
			list = append(list, attack{fmt.Sprintf("%s: %.30v", name, v), target, bad, star, "root"})
		}
		without := maps.Clone(good)
		delete(without, name)
		list = append(list, attack{"without " + name, target, without, star, "root"})
	}
	extra := maps.Clone(good)
	extra["zzz"] = 1
	text := encode(t, good)
	return append(list, attack{"an unknown member", target, extra, star, "root"}, attack{"a list", target, "[]", star, "root"}, attack{"null", target, "null", star, "root"},
		attack{"cut", target, text[:len(text)-1], star, "root"}, attack{"doubled", target, text + text, star, "root"}, attack{"empty", target, "", star, "root"},
		attack{"deep", target, strings.Repeat(`{"a":`, 5000), star, "root"}, attack{"huge", target, `{"reason":"` + strings.Repeat("x", 1<<20) + `"}`, star, "root"},
		attack{"octets", target, []byte("x"), star, "root"}, attack{"octets, empty", target, []byte{}, star, "root"})
}

// TestNothingBadBreaksAnOperation walks the contract: wrong types, huge values, unknown members, ids of others, stale ETags, every
// role. No answer is a fault of the server, each is as the contract says (check), none holds a word of another partner, and every
// refused attempt to change something has its row; what would only have been tried is none.
func TestNothingBadBreaksAnOperation(t *testing.T) {
	var w *world
	var ids map[string]string
	fresh := func() {
		if w != nil {
			w.proved()
		}
		w, ids = populated(t)
		w.people["root"] = everybody(w.clock.now().Add(1e6 * time.Hour))["glass"]
	}
	fresh()
	count := 0
	for _, s := range w.shapes() {
		for i, a := range attacks(t, s, ids) {
			if i%everyNth != 0 {
				continue
			}
			w.clock.pass(time.Minute) // a minute for each, so that none is gathered into a number or slowed down
			before := w.lastRefused()
			answer := w.attack(s.method, a)
			count++
			if answer.Code >= 500 {
				t.Errorf("%s, %s: %d %s", s.id, a.name, answer.Code, answer.Body)
			}
			if strings.Contains(answer.Body.String(), "mark-of-the-other") && (strings.Contains(s.path, "{partner}") || a.who == "sandbox") {
				t.Errorf("%s, %s: the answer tells of another partner: %s", s.id, a.name, answer.Body)
			}
			if a.name != "dry_run: true" && s.change() && answer.Code >= 400 && answer.Code != http.StatusTooManyRequests && w.find2(answer.r) == s.id && w.lastRefused() <= before {
				t.Errorf("%s, %s: %d, and no row of the refused attempt", s.id, a.name, answer.Code)
			}
		}
		if slices.Contains(final, s.id) {
			fresh()
		}
	}
	if count < 3000/everyNth {
		t.Errorf("%d attacks only", count)
	}
	w.proved()
}

// final are the operations that take the ground from under the next one.
var final = []string{"accountDisable", "credentialRevoke", "endpointRemove", "partnerClose", "proposalApprove", "proposalReject", "registerApply", "reviewClose", "reviewSuspend", "reviewWithdraw"}

// proved checks the record of changes and every row.
func (w *world) proved() {
	w.Helper()
	report, err := w.VerifyChanges(ctx, nil)
	if err != nil || !report.OK() {
		w.Errorf("the record does not hold: %v %v", err, report.Lines())
	}
}

// find2 is the operation that a request reached; empty: its path is none of the contract, and nothing could have been changed.
func (w *world) find2(r *http.Request) string {
	if r.URL.RawPath != "" || strings.Contains(r.URL.Path, "//") {
		return ""
	}
	if _, _, op := w.find(r); op != nil {
		return op.OperationID
	}
	return ""
}

// attack sends one, also what no client would: httptest refuses some targets that a server must not.
func (w *world) attack(method string, a attack) answer {
	w.Helper()
	var body *bytes.Reader
	kind := ""
	switch b := a.body.(type) {
	case nil:
		body = bytes.NewReader(nil)
	case string:
		body, kind = bytes.NewReader([]byte(b)), "application/json"
	case []byte:
		body, kind = bytes.NewReader(b), "application/octet-stream"
	default:
		body, kind = bytes.NewReader([]byte(encode(w, b))), "application/json"
	}
	r := httptest.NewRequest(method, public+a.target, body)
	r.Host = "admin.example.com"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if a.who != "" {
		r.Header.Set("Authorization", "Bearer "+a.who)
	}
	for i := 0; i+1 < len(a.headers); i += 2 {
		r.Header.Set(a.headers[i], a.headers[i+1])
	}
	return w.serve(r)
}
