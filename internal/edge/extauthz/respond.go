package extauthz

import (
	"context"
	"net/netip"
	"slices"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// identityNames are set anew in every request that is let in. The filter removes after it has set, so that they are never removed.
var identityNames = door.IdentityNames()

// Check answers one CheckRequest with a CheckResponse, both in wire form. message is not kept, and must not change until Check
// returns. proxy is who asks; invalid: over a Unix socket. Whatever message holds, there is an answer, it was recorded once, and
// it lets in only what the pipeline has let in. ctx ends the wait for the record alone.
func (k *Checker) Check(ctx context.Context, message []byte, proxy netip.Addr) []byte {
	c := k.checks.Get().(*check)
	c.request.Proxy = proxy
	fault := c.message.parse(message)
	if fault == "" {
		fault = k.translate(c)
	}
	if fault != "" {
		return k.finish(c, k.cfg.Door.Refuse(&c.request, access.MalformedCheck, fault))
	}
	return k.finish(c, k.cfg.Door.Check(ctx, &c.request))
}

// refuse answers where no message was read.
func (k *Checker) refuse(proxy netip.Addr, reason access.Reason, detail string) []byte {
	c := k.checks.Get().(*check)
	c.request.Proxy = proxy
	return k.finish(c, k.cfg.Door.Refuse(&c.request, reason, detail))
}

// finish writes the answer, records it, and gives everything back.
func (k *Checker) finish(c *check, a *door.Answer) []byte {
	if a.Allowed {
		c.remove = removed(a, c.remove[:0])
	}
	out := appendAnswer(make([]byte, 0, 1<<10), a, c.remove)
	a.End(0, int64(len(a.Body)))
	c.reset()
	k.checks.Put(c)
	return out
}

// removed are the names of the headers that must not arrive upstream, among them those that claim an address: what counts is in
// Countersign-Client-Address.
func removed(a *door.Answer, names []string) []string {
	names = a.AppendRemove(names)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(identityNames, name) })
}
