package signin

import (
	"crypto/rand"
	"sync"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/secret"
)

// Demo lets whoever has its link in as one account, without a proof: what dev prints, so that a visitor sees the pages at once. A
// link counts once, like every other one-time link. It is never set by a configuration. Safe for concurrent use once a Handler has
// it; handlers that follow one another share it, so that a new one does not bring a used link back.
type Demo struct {
	Token   secret.Value       // of the first link, as operator.NewToken makes a LinkToken; of members a MemberLinkToken
	Login   string             // of an account that is active
	Renewed func(token string) // is told the token of the next link as soon as one was used; nil: there is no next one

	mu   sync.Mutex
	used bool         // Token counts no more
	next secret.Value // what counts in its place; zero: nothing does
}

// take uses the link up whose token it is, and draws the next one. However many come at once with one token, one is let in.
func (d *Demo) take(token string, prefix operator.Prefix) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := d.Token
	if d.used {
		counts = d.next
	}
	if token == "" || !sameText(token, string(counts.Bytes())) {
		return false
	}
	d.used, d.next = true, secret.Value{}
	if d.Renewed == nil {
		return true
	}
	if next, err := operator.NewToken(rand.Reader, prefix, ""); err == nil {
		d.next = secret.NewValue([]byte(next))
		d.Renewed(next)
	}
	return true
}

// links is the prefix of the one-time links of this sign-in.
func (h *Handler) links() operator.Prefix {
	if h.ops == nil {
		return operator.MemberLinkToken
	}
	return operator.LinkToken
}
