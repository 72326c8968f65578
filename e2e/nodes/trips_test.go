package nodes_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSharedReplayTakesOneRoundTrip: on the wire to the Redis server, a request that must not be let in twice is one command, and nothing
// else is any: no read, and nothing that was refused before.
func TestSharedReplayTakesOneRoundTrip(t *testing.T) {
	s := newSite(t, 1, nil)
	n := s.nodes[0]
	k := s.caller(t, n)
	const many = 60
	// asked sends many requests of a kind and returns how often each script ran meanwhile, also those by which the node looks after itself.
	asked := func(what string, do func(i int) (request, string), counted func(grown map[string]int) bool) (grown map[string]int) {
		before := n.cache.count.so()
		for i := range many {
			r, want := do(i)
			if a := k.send(r); a.is() != want {
				t.Fatalf("%s: %s, want %s (%v)", what, a.is(), want, a.cause)
			}
		}
		eventually(t, what+" are counted", func() bool {
			grown = map[string]int{}
			for command, n := range n.cache.count.so() {
				if strings.HasPrefix(command, "EVAL") && n > before[command] {
					grown[command] = n - before[command]
				}
			}
			return counted(grown)
		})
		return grown
	}
	write := func(int) (request, string) {
		return signed(s.given, time.Now(), http.MethodPost, s.id(writes)), "200"
	}
	var claims string // the script that runs for each write
	all := func(grown map[string]int) bool {
		for command, n := range grown {
			if n >= many {
				claims = command
			}
		}
		return grown[claims] >= many
	}
	asked("the first writes", write, all) // the server has the script from here on
	grown := asked("writes", write, all)
	if grown[claims] != many {
		t.Errorf("%d writes were %d calls of one script", many, grown[claims])
	}
	for command, n := range grown {
		if command != claims && n >= many/2 {
			t.Errorf("%d writes were %d calls of a second script as well", many, n)
		}
	}
	for what, do := range map[string]func(i int) (request, string){
		"reads": func(int) (request, string) {
			return signed(s.given, time.Now(), http.MethodGet, s.id(reads)), "200"
		},
		"forged": func(i int) (request, string) {
			return forged(s.given, time.Now(), s.id(forges), i), "401 unauthorized"
		},
	} {
		if n := asked(what, do, func(map[string]int) bool { return true })[claims]; n != 0 {
			t.Errorf("%d %s requests were %d calls of the replay script", many, what, n)
		}
	}
}
