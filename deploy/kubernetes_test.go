package deploy_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/rate"
	ratevalkey "countersign.dev/internal/rate/valkey"
	"countersign.dev/internal/redistest"
	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

// TestTheReferencesUserMayDoWhatIsNeeded: with the access list that the documentation gives, both engines work, have nothing to warn of, and
// other keys and the server's own settings are out of reach.
func TestTheReferencesUserMayDoWhatIsNeeded(t *testing.T) {
	text, err := os.ReadFile("kubernetes/README.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^user countersign (on) #SHA256_OF_THE_PASSWORD (.*)$`).FindStringSubmatch(string(text))
	if line == nil {
		t.Fatal("the documentation has no access list")
	}
	s := redistest.Start(t, "--appendonly", "yes", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction")
	s.Do(t, append([]string{"ACL", "SETUSER", "countersign", "on", ">hush"}, strings.Fields(line[2])...)...)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, err := valkeylink.Open(valkeylink.Config{Addresses: []string{s.Address}, Username: "countersign", PasswordFile: password, Now: time.Now, Log: slog.New(slog.DiscardHandler), Timeout: valkeylink.MaxTimeout})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	guard, err := valkey.Open(valkey.Config{Link: link})
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	now := time.Now().Unix()
	for i, want := range []bool{true, false} {
		if fresh, err := guard.Claim(replay.Key{1}, now+300, now); err != nil || fresh != want {
			t.Errorf("claim %d: %v, %v", i, fresh, err)
		}
	}
	limiter, err := ratevalkey.Open(ratevalkey.Config{Link: link})
	if err != nil {
		t.Fatal(err)
	}
	defer limiter.Close()
	if _, err := limiter.Take([]rate.Bucket{}); err != nil {
		t.Errorf("take: %v", err)
	}
	if w := append(guard.Warnings(), limiter.Warnings()...); len(w) > 0 || guard.Ready() != nil || limiter.Ready() != nil {
		t.Errorf("%v, %v, %v", w, guard.Ready(), limiter.Ready())
	}
	for _, words := range [][]string{{"SET", "other", "x"}, {"CONFIG", "SET", "maxmemory", "1"}, {"FLUSHALL"}, {"ACL", "LIST"}, {"DEBUG", "SLEEP", "0"}} {
		if got := s.Do(t, append([]string{"ACL", "DRYRUN", "countersign"}, words...)...); got == "OK" {
			t.Errorf("%v is allowed", words)
		}
	}
}
