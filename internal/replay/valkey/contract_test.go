package valkey_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/replaytest"
	"countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

// wholesome is what a server with the right settings says of itself.
const wholesome = "role:master\r\nredis_version:7.0.0\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"

// model is a server whose clock the test moves. It tells of itself what info says.
type model struct {
	*miniredis.Miniredis
	mu   sync.Mutex
	info string
}

func startModel(t testing.TB) *model {
	m := &model{Miniredis: miniredis.RunT(t), info: wholesome}
	m.Server().SetPreHook(func(c *server.Peer, command string, _ ...string) bool {
		if !strings.EqualFold(command, "INFO") {
			return false
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		c.WriteBulk(m.info)
		return true
	})
	m.ClockTTL(true)
	m.SetTime(time.Unix(replaytest.Now, 0))
	return m
}

func (m *model) says(info string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.info = info
}

// link opens a link with so much time that a busy machine does not matter.
func link(t testing.TB, cfg valkeylink.Config) *valkeylink.Link {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	if cfg.Timeout == 0 {
		cfg.Timeout = valkeylink.MaxTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l, err := valkeylink.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func open(t testing.TB, cfg valkey.Config) *valkey.Guard {
	t.Helper()
	g, err := valkey.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// following moves the server's clock along with that of the node that claims.
type following struct {
	*valkey.Guard
	model *model
	mu    *sync.Mutex
	last  *int64
}

func (f following) Claim(key replay.Key, expires, now int64) (bool, error) {
	f.mu.Lock()
	if *f.last != now {
		f.model.SetTime(time.Unix(now, 0))
		*f.last = now
	}
	f.mu.Unlock()
	return f.Guard.Claim(key, expires, now)
}

func TestContract(t *testing.T) {
	start := func(t *testing.T, m *model) replay.Guard {
		return following{open(t, valkey.Config{Link: link(t, valkeylink.Config{Addresses: []string{m.Addr()}})}), m, new(sync.Mutex), new(int64)}
	}
	replaytest.Run(t, replaytest.Harness{
		Open: func(t *testing.T) replay.Guard { return start(t, startModel(t)) },
		Restart: func(t *testing.T, g replay.Guard) replay.Guard { // of the node; that of the server is another test's
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			return start(t, g.(following).model)
		},
		Node: func(t *testing.T, g replay.Guard) replay.Guard { return start(t, g.(following).model) },
	})
}
