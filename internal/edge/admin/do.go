package admin

import (
	"net/http"
	"strconv"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// asked is how a caller asks for a change.
type asked struct {
	reason string
	rows   []string // that If-Match is about; nil: there is no such header here
}

// do carries one operation out, or keeps it as a proposal; false: it has answered. The permission is asked for the environment
// of the row that the operation concerns, as the register knows it, never for one that the caller says.
func (c *call) do(name registry.OperationName, partnerID, environment string, params any, a asked) (registry.Done, bool) {
	op, err := registry.NewOperation(name, partnerID, environment, params)
	if err == nil {
		op, err = c.s.cfg.Registry.Locate(c.r.Context(), op)
	}
	if err != nil {
		c.fail(err)
		return registry.Done{}, false
	}
	if !c.mayDo(op) {
		return registry.Done{}, false
	}
	intent := registry.Intent{Reason: a.reason, IdempotencyKey: c.r.Header.Get("Idempotency-Key"), Bypass: c.who.BreakGlass()}
	var ok bool
	if intent.IfMatch, ok = c.ifMatch(a.rows); !ok {
		return registry.Done{}, false
	}
	done, err := c.s.cfg.Registry.Do(c.r.Context(), c.actor(), op, intent)
	if err != nil {
		c.applyFailed(err)
		return done, false
	}
	if done.Proposal != nil { // also one that was made before, by a repeated request: whatever has become of it, it is in the answer
		c.waiting(c.replayed(*done.Proposal))
		return done, false
	}
	return done, true
}

// locate finds out whose row an operation names; false: it has answered.
func (c *call) locate(name registry.OperationName, params any) (registry.Operation, bool) {
	op, err := registry.NewOperation(name, "", "", params)
	if err == nil {
		op, err = c.s.cfg.Registry.Locate(c.r.Context(), op)
	}
	if err != nil {
		c.fail(err)
		return op, false
	}
	return op, true
}

// mayDo asks for the permission of an operation where it takes effect. What a caller may not see is not there.
func (c *call) mayDo(op registry.Operation) bool {
	if op.Environment != "" && !c.who.Sees(op.Environment) {
		c.refuse(notFound)
		return false
	}
	permissions := []operator.Permission{c.s.contract.permission(op.Name)}
	if c.s.contract.byName[op.Name] == c.op {
		permissions = permissions[:0]
		for _, word := range c.op.permissions {
			permissions = append(permissions, operator.Permission(word))
		}
	}
	for _, permission := range permissions {
		if c.mayIn(permission, op) {
			return true
		}
	}
	c.lacks(permissions[0])
	return false
}

// mayIn is whether the caller has a permission for what an operation concerns. One that concerns a partner and no environment
// reaches into all of them, and so does one that concerns neither, but for adding a partner, which has none yet.
func (c *call) mayIn(permission operator.Permission, op registry.Operation) bool {
	if op.Environment == "" && op.Name != registry.OpPartnerCreate {
		return c.who.MayEverywhere(permission)
	}
	return c.who.May(permission, op.Environment)
}

// noRow is the ETag of what is not there yet, so that there is something to match.
const noRow = "none"

// ifMatch makes conditions of the header; false: it has answered.
func (c *call) ifMatch(rows []string) ([]audit.Touch, bool) {
	header := c.r.Header.Get("If-Match")
	if header == "" || len(rows) == 0 {
		return nil, true
	}
	etag, star := match(header)
	if star {
		return nil, true
	}
	switch etag {
	case noRow:
		etag = ""
	case "": // it says nothing, and must not mean that the row is not there
		c.refuse(refusal{kind: api.Stale})
		return nil, false
	}
	var list []audit.Touch
	for _, row := range rows {
		touch, err := registry.Match(row, etag)
		if err != nil { // no ETag of ours, so it matches nothing
			c.refuse(refusal{kind: api.Stale})
			return nil, false
		}
		list = append(list, touch)
	}
	return list, true
}

// tag is the ETag of a row now; noRow where it is not there.
func (c *call) tag(row string) (string, bool) {
	tags, ok := c.tags([]string{row})
	if !ok {
		return "", false
	}
	return tags[0], true
}

// tags are the ETags of rows, in their order; false: it has answered.
func (c *call) tags(rows []string) ([]string, bool) {
	tags, err := c.s.cfg.Registry.ETags(c.r.Context(), rows...)
	if err != nil {
		c.fail(err)
		return nil, false
	}
	for i := range tags {
		if tags[i] == "" {
			tags[i] = noRow
		}
	}
	return tags, true
}

// waiting answers that a change waits for a second person: nothing was changed.
func (c *call) waiting(p registry.Proposal) {
	shown, ok := c.proposal(p)
	if !ok {
		return
	}
	c.Header().Set("Location", "/v1/proposals/"+p.ID)
	c.etag(shown.Etag)
	c.json(http.StatusAccepted, shown)
}

// changed is what every answer to a change says. It waits for the nodes where the caller asked for that.
func (c *call) changed(done registry.Done) api.Changed {
	out := api.Changed{Revision: int64(done.Revision), Repeated: done.Repeated}
	if done.Revision > 0 {
		c.Header().Set("Countersign-Revision", strconv.FormatUint(done.Revision, 10))
	}
	if c.wait > 0 {
		c.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(c.wait/time.Second)))
		nodes, all := c.confirmations(done.Revision)
		out.Nodes, out.Confirmed = nodes, &all
	}
	return out
}
