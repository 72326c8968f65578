package nodes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// changes is an operator who never stops to change the register, at all machines in turn, by commands there and over the operators' planes of
// the nodes: a credential is issued, and an older one is revoked. What a command said is done is kept, to be looked for at the end.
type changes struct {
	site  *site
	ended chan struct{}
	all   sync.WaitGroup

	careful bool // no node is asked that is not ready: a balancer stands before the operators' planes, too

	mu     sync.Mutex
	live   []credential // issued, and never asked to be revoked
	gone   []credential // revoked
	asked  int          // commands that have ended
	failed int          // those that said that they failed, or that they do not know
	cause  string       // what the last of them said
	took   time.Duration
}

// credential is what `credential issue` told.
type credential struct {
	ID     string `json:"credential_id"`
	KeyID  string `json:"key_id"`
	Secret string `json:"secret"`
}

func (c credential) key() signingKey { return signingKey{c.KeyID, c.Secret} }

// startChanges begins. It ends with t, or before.
func (s *site) startChanges(t testing.TB, careful bool) *changes {
	t.Helper()
	c := &changes{site: s, careful: careful, ended: make(chan struct{})}
	c.all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-c.ended:
				return
			default:
				c.change(i)
			}
		}
	})
	t.Cleanup(c.end)
	return c
}

func (c *changes) end() {
	c.mu.Lock()
	select {
	case <-c.ended:
	default:
		close(c.ended)
	}
	c.mu.Unlock()
	c.all.Wait()
}

// keptLive is how many are kept to be looked for that nobody revokes.
const keptLive = 5

// change is the ith command, at a node's machine or to the node.
func (c *changes) change(i int) {
	n := c.site.nodes[i%len(c.site.nodes)]
	c.mu.Lock()
	revoke := i%2 == 1 && len(c.live) > keptLive
	var old credential
	if revoke {
		old, c.live = c.live[0], c.live[1:] // whatever becomes of the command: it may have been done
	}
	c.mu.Unlock()
	run := n.run
	if i/2%2 == 1 && (!c.careful || n.ready()) {
		run = n.ask
	}
	var r result
	if revoke {
		r = run("credential", "revoke", old.ID, "--yes")
	} else {
		r = run("credential", "issue", partner, "--environment", sandbox, "--kind", "signing-key", "--output", "json")
	}
	c.ran(r, revoke, old)
}

func (c *changes) ran(r result, revoke bool, old credential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	c.took = max(c.took, r.took)
	var one credential
	switch {
	case !r.ok():
		c.failed++
		c.cause = r.says
	case revoke:
		c.gone = append(c.gone, old)
	case json.Unmarshal([]byte(r.out), &one) != nil || one.Secret == "":
		c.failed++
		c.cause = fmt.Sprintf("exit code 0, and %q", r.out)
	default:
		c.live = append(c.live, one)
	}
}

// counted is how many commands ended, and how many of them failed.
func (c *changes) counted() (asked, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked, c.failed
}

// acknowledged waits until n more commands say that what they did is done.
func (c *changes) acknowledged(t testing.TB, n int) {
	t.Helper()
	asked, failed := c.counted()
	eventually(t, "a change is acknowledged", func() bool {
		a, f := c.counted()
		return (a-f)-(asked-failed) >= n
	})
}

// check asks every node about everything that was acknowledged: what was issued is honoured, what was revoked is refused. The nodes must
// have the register as it is, which is waited for.
func (c *changes) check(t testing.TB) {
	t.Helper()
	c.end()
	live, gone := slices.Clone(c.live), slices.Clone(c.gone)
	last := c.site.issue(t, c.site.nodes[0]) // whoever decides by this one decides by all before it
	for _, n := range c.site.nodes {
		k := c.site.caller(t, n)
		ask := func(one credential, method string) answer {
			return k.send(signed(one.key(), time.Now(), method, c.site.id("change")))
		}
		eventually(t, n.host+" has the register of now", func() bool { return ask(last, http.MethodGet).status == http.StatusOK })
		for _, one := range live {
			if a := ask(one, http.MethodPost); a.is() != "200" {
				t.Errorf("%s answers %s to %s, which was issued: the change was acknowledged", n.host, a.is(), one.ID)
			}
		}
		for _, one := range gone {
			if a := ask(one, http.MethodPost); a.is() != "401 unauthorized" {
				t.Errorf("%s answers %s to %s, which was revoked: the change was acknowledged", n.host, a.is(), one.ID)
			}
		}
	}
	asked, failed := c.counted()
	t.Logf("%d changes, %d of them acknowledged; %d credentials are honoured and %d are refused on every node", asked, asked-failed, len(live), len(gone))
}

// issue makes a credential that counts on every node when it returns.
func (s *site) issue(t testing.TB, n *node, flags ...string) credential {
	t.Helper()
	args := append([]string{"credential", "issue", partner, "--environment", sandbox, "--kind", "signing-key", "--output", "json"}, flags...)
	var one credential
	if r := n.must(t, args...); json.Unmarshal([]byte(r.out), &one) != nil || one.Secret == "" {
		t.Fatalf("credential issue says %q", r.out)
	}
	return one
}
