package memory_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
)

// childDir names the variable that turns the test binary into a process that
// claims keys in that folder until it is killed.
const childDir = "COUNTERSIGN_TEST_REPLAY_DIR"

const (
	childClaimers = 4
	killRounds    = 50
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, claimForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// claimForEver claims random keys from several goroutines and acknowledges each
// on standard output, in one write, after Claim has called it fresh. Every 64th
// claim moves the clock a minute on, so that the kill also meets segments that
// are being made and deleted.
func claimForEver(dir string) error {
	g, err := memory.Open(memory.Config{Dir: dir, Now: clock})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for range childClaimers {
		go func() {
			for n := int64(0); ; n++ {
				if err := acknowledge(g, n); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func acknowledge(g *memory.Guard, n int64) error {
	var line [48]byte
	for i := 0; i < 32; i += 8 {
		binary.LittleEndian.PutUint64(line[i:], rand.Uint64())
	}
	second := now + n/64*60
	expires := second + 300 + rand.Int64N(300)
	fresh, err := g.Claim(replay.Key(line[:32]), expires, second)
	if errors.Is(err, replay.ErrUnavailable) || err == nil && !fresh {
		return nil // another goroutine's clock is ahead and has pruned; a guard that is broken acknowledges nothing, which fails the round
	}
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(line[32:], uint64(expires))
	binary.LittleEndian.PutUint64(line[40:], uint64(second))
	_, err = os.Stdout.Write(line[:])
	return err
}

type claim struct {
	key             replay.Key
	expires, second int64
}

// The process is killed with SIGKILL after a random number of acknowledgements,
// fifty times over on the same folder: every key that was ever acknowledged must
// be refused, with the clock of its own claim, which lies behind most of the
// forgetting.
func TestRule8AcknowledgedClaimsSurviveKill9(t *testing.T) {
	dir := t.TempDir() + "/replay"
	var acknowledged []claim
	for round := range killRounds {
		claims := runAndKill(t, dir, 1+rand.IntN(600))
		acknowledged = append(acknowledged, claims...)
		g := open(t, memory.Config{Dir: dir})
		for _, c := range acknowledged {
			if fresh, err := g.Claim(c.key, c.expires, c.second); fresh || err != nil && !errors.Is(err, replay.ErrUnavailable) { // that of a forgotten minute cannot be judged any more
				t.Fatalf("round %d: acknowledged key %x until %d: fresh %v, error %v", round, c.key[:8], c.expires, fresh, err)
			}
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if round%10 == 9 { // segments far ahead of the clock would pile up
			dir, acknowledged = t.TempDir()+"/replay", nil
		}
	}
}

// runAndKill starts the process, reads at least enough acknowledgements, kills
// it, and returns all that were written.
func runAndKill(t *testing.T, dir string, enough int) []claim {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir)
	command.Stderr = os.Stderr
	pipe, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var claims []claim
	var line [48]byte
	reader := bufio.NewReader(pipe)
	for {
		if _, err := io.ReadFull(reader, line[:]); err != nil {
			break
		}
		claims = append(claims, claim{
			key:     replay.Key(line[:32]),
			expires: int64(binary.LittleEndian.Uint64(line[32:])),
			second:  int64(binary.LittleEndian.Uint64(line[40:])),
		})
		if len(claims) == enough {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if command.Wait(); len(claims) < enough {
		t.Fatalf("the process ended by itself after %d claims", len(claims))
	}
	return claims
}
