package valkey_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/replaytest"
	"countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

// The tests in this file are about a real server, its script engine and its faults.

func now() int64 { return time.Now().Unix() }

func node(t testing.TB, s *redistest.Server) *valkey.Guard {
	t.Helper()
	return open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{s.Address}})})
}

// eventually asks until it is so; only a broken guard takes the whole time. A sentinel that was held up for two seconds
// does nothing for thirty.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// unavailable claims and wants an error that is want and says every word.
func unavailable(t testing.TB, g *valkey.Guard, key replay.Key, expires, now int64, want error, words ...string) {
	t.Helper()
	fresh, err := g.Claim(key, expires, now)
	if fresh || !errors.Is(err, want) {
		t.Fatalf("fresh %v, error %v; want %v", fresh, err, want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

// TestRule8ARealServerLetsOneThrough: three nodes, their equal claims at one moment, and later ones.
func TestRule8ARealServerLetsOneThrough(t *testing.T) {
	s := redistest.Start(t)
	start := func(t *testing.T) replay.Guard { return node(t, s) }
	nodes := []replay.Guard{start(t), start(t), start(t)}
	at := now()
	for round := range 10 {
		var mu sync.Mutex
		var done sync.WaitGroup
		wins := 0
		for n := range 90 {
			done.Go(func() {
				fresh, err := nodes[n%3].Claim(replaytest.Key(round), at+300, now())
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if fresh {
					wins++
				}
			})
		}
		if done.Wait(); wins != 1 {
			t.Fatalf("round %d: %d won", round, wins)
		}
	}
	replaytest.Refused(t, nodes[0], replaytest.Key(1), at+600, now())
	if ttl := s.Do(t, "PEXPIRETIME", "countersign:{1}r:"+keyText(1)); ttl != stamp(at+600+2*5+1) {
		t.Errorf("it is kept until %s, want %s", ttl, stamp(at+611))
	}
}

// TestRule8AClockThatIsWrongRefuses: ten minutes ahead or behind, first or second claim, nothing is let in, and the error
// names both times.
func TestRule8AClockThatIsWrongRefuses(t *testing.T) {
	s := redistest.Start(t)
	right, wrong := node(t, s), node(t, s)
	at := now()
	replaytest.Fresh(t, right, replaytest.Key(1), at+300, now())
	for _, off := range []int64{-600, -60, 60, 600} {
		for _, key := range []int{1, 2} {
			unavailable(t, wrong, replaytest.Key(key), at+off+900, at+off, replay.ErrUnavailable, time.Unix(at+off, 0).UTC().Format(time.RFC3339), "the shared cache's 20")
		}
	}
	replaytest.Refused(t, right, replaytest.Key(1), at+300, now())
	replaytest.Fresh(t, right, replaytest.Key(2), at+300, now())
}

// TestRule8KilledServerRemembers: kill -9 and a restart, with an append-only file that is flushed at each write.
func TestRule8KilledServerRemembers(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	g, at := node(t, s), now()
	for n := range 50 {
		replaytest.Fresh(t, g, replaytest.Key(n), at+300, now())
	}
	if w := g.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
	s.Kill(t)
	eventually(t, "a claim at a dead server fails", func() bool {
		_, err := g.Claim(replaytest.Key(1000), at+300, now())
		return errors.Is(err, replay.ErrUnavailable) && errors.Is(err, valkeylink.ErrUnreachable)
	})
	if _, err := g.Claim(replaytest.Key(1000), at+300, now()); errors.As(err, new(interface{ Admit() bool })) {
		t.Errorf("allowed without having been asked for: %v", err)
	}
	s.Run(t)
	eventually(t, "it is there again", func() bool { return g.Ready() == nil })
	for n := range 50 {
		replaytest.Refused(t, g, replaytest.Key(n), at+300, now())
	}
	replaytest.Fresh(t, g, replaytest.Key(2000), at+300, now())
}

// TestPausedServerCostsOneTimeout, with requests allowed meanwhile, which the error says and fresh never does. The first call without an answer takes its time; those behind it fail at once, and when
// the server goes on, so do claims. Nothing depends on speed: what is proved is that the second call is not sent at all.
func TestPausedServerCostsOneTimeout(t *testing.T) {
	s := redistest.Start(t)
	l := link(t, valkeylink.Config{Addresses: []string{s.Address}, Timeout: 50 * time.Millisecond})
	g := open(t, valkey.Config{Link: l, WhenUnreachable: valkey.Allow})
	last := 0
	fresh := func() bool {
		last++ // a claim without an answer may have been carried out
		ok, err := g.Claim(replaytest.Key(last), now()+300, now())
		return ok && err == nil
	}
	eventually(t, "a first claim", fresh)
	s.Pause(t)
	eventually(t, "the circuit opens", func() bool { return !fresh() && l.Ready() != nil })
	exists := []string{"EXISTS"}
	for n := range 1000 {
		exists = append(exists, "countersign:"+valkeylink.Tag(5000+n)+"r:"+keyText(5000+n))
		ok, err := g.Claim(replaytest.Key(5000+n), now()+300, now())
		var unjudged interface{ Admit() bool }
		if ok || !errors.Is(err, valkeylink.ErrUnreachable) || !errors.Is(err, replay.ErrUnavailable) || !errors.As(err, &unjudged) || !unjudged.Admit() {
			t.Fatalf("claim %d: %v, %v", n, ok, err)
		}
	}
	s.Resume(t)
	eventually(t, "it goes on", func() bool { return l.Ready() == nil })
	if sent := s.Do(t, exists...); sent != "0" {
		t.Errorf("%s claims were sent while the circuit was open", sent)
	}
	eventually(t, "a claim is fresh again", fresh)
}

func claimFails(g *valkey.Guard, n int) bool {
	_, err := g.Claim(replaytest.Key(n), now()+300, now())
	return err != nil
}

// TestRule8EvictionIsRefused: at the start, and when somebody changes it later.
func TestRule8EvictionIsRefused(t *testing.T) {
	s := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	l := link(t, valkeylink.Config{Addresses: []string{s.Address}})
	if _, err := valkey.Open(valkey.Config{Link: l}); !errors.Is(err, valkey.ErrPolicy) || !strings.Contains(err.Error(), "noeviction") {
		t.Fatalf("open: %v", err)
	}
	s.Do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	var g *valkey.Guard
	eventually(t, "it opens", func() bool {
		var err error
		g, err = valkey.Open(valkey.Config{Link: l})
		return err == nil
	})
	t.Cleanup(func() { _ = g.Close() })
	replaytest.Fresh(t, g, replaytest.Key(1), now()+300, now())
	s.Do(t, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
	eventually(t, "claims are refused", func() bool { return errors.Is(g.Ready(), valkey.ErrPolicy) })
	unavailable(t, g, replaytest.Key(2), now()+300, now(), replay.ErrUnavailable, "noeviction")
}

// TestRule8FullServerRefuses: no memory left is ErrFull, and what is remembered stays.
func TestRule8FullServerRefuses(t *testing.T) {
	s := redistest.Start(t)
	g := node(t, s)
	replaytest.Fresh(t, g, replaytest.Key(1), now()+300, now())
	s.Do(t, "CONFIG", "SET", "maxmemory", "1")
	unavailable(t, g, replaytest.Key(2), now()+300, now(), replay.ErrFull)
	s.Do(t, "CONFIG", "SET", "maxmemory", "0")
	replaytest.Refused(t, g, replaytest.Key(1), now()+300, now())
	replaytest.Fresh(t, g, replaytest.Key(2), now()+300, now())
}

// TestReplicasAreWaitedFor: a claim that no replica has is not fresh where one is asked for. The longest timeout is kept, too: neither
// the client nor the look at the server gives up before.
func TestReplicasAreWaitedFor(t *testing.T) {
	primary, replica := redistest.StartPair(t)
	alone := open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{primary.Address}}), WaitReplicas: 1})
	replaytest.Fresh(t, alone, replaytest.Key(1), now()+300, now())
	if keys := replica.Do(t, "EXISTS", "countersign:{1}r:"+keyText(1)); keys != "1" {
		t.Errorf("the replica has %s of it", keys)
	}
	replica.Kill(t)
	g := open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{primary.Address}}), WaitReplicas: 1}) // half of its time is the replica's, half is for the answer
	unavailable(t, g, replaytest.Key(2), now()+300, now(), replay.ErrUnavailable, "0 of 1 replicas")
	replaytest.Refused(t, g, replaytest.Key(2), now()+300, now())
}

// TestExactlyOneRoundTrip: the server's own log of commands has each of a hundred claims once, and none that has expired.
func TestExactlyOneRoundTrip(t *testing.T) {
	s := redistest.Start(t, "--slowlog-max-len", "10000")
	g := node(t, s)
	replaytest.Fresh(t, g, replaytest.Key(0), now()+300, now())
	s.Do(t, "CONFIG", "SET", "slowlog-log-slower-than", "0")
	for n := range 100 {
		replaytest.Fresh(t, g, replaytest.Key(1+n), now()+300, now())
		replaytest.Refused(t, g, replaytest.Key(1+n), now()-1, now())
	}
	log := s.Do(t, "SLOWLOG", "GET", "-1") // it has the commands inside of scripts too
	if sent := len(regexp.MustCompile(`EVALSHA \S+ 2 \S+\}r:`).FindAllString(log, -1)); sent != 100 || strings.Contains(log, "EVAL ") {
		t.Errorf("%d commands for 100 claims: %s", sent, log)
	}
}

// TestRule33NoErrorHoldsThePassword: nor does a line of the log, whether the password is right or wrong.
func TestRule33NoErrorHoldsThePassword(t *testing.T) {
	const password = "open-sesame-471"
	s := redistest.Start(t, "--requirepass", password)
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "password")
	try := func(content string) (*valkeylink.Link, error) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return valkeylink.Open(valkeylink.Config{Addresses: []string{s.Address}, PasswordFile: path, Username: "default", Now: time.Now,
			Timeout: valkeylink.MaxTimeout, Log: slog.New(slog.NewTextHandler(&log, nil))})
	}
	wrong, err := try(password + "x\n")
	if err == nil {
		wrong.Close()
		t.Fatal("a wrong password opens")
	}
	l, errRight := try(password + "\n")
	if errRight != nil {
		t.Fatal(errRight)
	}
	g := open(t, valkey.Config{Link: l})
	replaytest.Fresh(t, g, replaytest.Key(1), now()+300, now())
	s.Kill(t)
	eventually(t, "it is away", func() bool { return claimFails(g, 2) })
	_, gone := g.Claim(replaytest.Key(3), now()+300, now())
	_ = g.Close()
	_ = l.Close() // nothing writes to log from here on
	for _, text := range []string{err.Error(), gone.Error(), log.String()} {
		if strings.Contains(text, "sesame") {
			t.Errorf("the password is told: %s", text)
		}
	}
}
