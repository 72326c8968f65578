package registry_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// acknowledged is one line of the child.
type acknowledged struct {
	action  audit.Action
	subject string
	number  uint64
	digest  string
}

// TestKillNeverLosesWhatWasAcknowledged kills a process with SIGKILL at random moments of random changes. After each it
// opens the register again (which checks the whole file) and proves: every acknowledged change has its row with its number;
// at most the one change that was under way has been added; the rows, replayed, give exactly the state that is there; every
// secret opens and is the one that was handed out; no failed guess is forgotten; the rows are one chain that fits every row
// of the register. COUNTERSIGN_KILL_ROUNDS sets the rounds.
func TestKillNeverLosesWhatWasAcknowledged(t *testing.T) {
	rounds := killRounds
	if text := os.Getenv("COUNTERSIGN_KILL_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	folder := t.TempDir()
	before := prepareVictim(t, folder)
	total, caught := 0, 0
	for round := range rounds {
		acks := killed(t, folder, before.victim, mathrand.IntN(25))
		after, underWay := inspect(t, folder, before, acks)
		if t.Failed() {
			t.Fatalf("in round %d, after %d acknowledgements", round, len(acks))
		}
		total, caught, before = total+len(acks), caught+underWay, after
	}
	t.Logf("%d rounds, %d acknowledged changes and guesses, %d changes kept although their acknowledgement was cut off", rounds, total, caught)
	if total < rounds {
		t.Errorf("only %d acknowledgements in %d rounds: hardly anything was tested", total, rounds)
	}
}

// TestKillWhileTheRegisterIsBeingMade leaves nothing behind that would not open.
func TestKillWhileTheRegisterIsBeingMade(t *testing.T) {
	for range killRounds / 5 {
		folder := t.TempDir()
		killed(t, folder, "", 0)
		prepareVictim(t, folder)
	}
}

// mark is where a round begins.
type mark struct {
	revision uint64
	victim   string
}

// prepareVictim adds an app credential at which nobody ever guesses right.
func prepareVictim(t *testing.T, folder string) mark {
	t.Helper()
	r, db, err := openReal(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := r.CreatePartner(ctx, alice, "Victim")
	if err == nil {
		err = r.RequestReview(ctx, alice, p.ID, "sandbox", "")
	}
	if err == nil {
		err = r.Approve(ctx, bob, p.ID, "sandbox", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return victim(t, r, p.ID)
}

func victim(t *testing.T, r *registry.Registry, partnerID string) mark {
	t.Helper()
	app, err := r.IssueApp(ctx, alice, partnerID, "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return mark{revision: n, victim: app.Credential.ID}
}

// killed runs the child and kills it at a random moment after so many acknowledgements.
func killed(t *testing.T, folder, victim string, enough int) (acks []acknowledged) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killFolder+"="+folder, killVictim+"="+victim)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.Duration(mathrand.IntN(5000)) * time.Microsecond
	shoot := func() { time.AfterFunc(moment, func() { _ = cmd.Process.Kill() }) }
	if enough == 0 { // while it opens the register
		moment *= 12
		shoot()
	}
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the last one may be torn
		}
		acks = append(acks, parseAck(t, line))
		if len(acks) == enough {
			shoot()
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %s", stderr.String())
	}
	return acks
}

func parseAck(t *testing.T, line string) (a acknowledged) {
	t.Helper()
	if _, err := fmt.Sscanf(line, "%s %s %d %s\n", &a.action, &a.subject, &a.number, &a.digest); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return a
}

// inspect opens the register and proves what the test promises. underWay is how many changes were kept beyond the
// acknowledged ones.
func inspect(t *testing.T, folder string, before mark, acks []acknowledged) (after mark, underWay int) {
	t.Helper()
	r, db, err := openReal(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if report, err := r.VerifyChanges(ctx, nil); err != nil || !report.OK() {
		t.Errorf("the record: %q, %v", report.Lines(), err)
	}
	rows := allRows(t, r)
	roster, err := r.Roster(ctx)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := r.Credentials(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	last, guesses := before.revision, 0
	for _, a := range acks {
		if a.action == "guess" {
			guesses++
			continue
		}
		last = a.number
		if a.number > uint64(len(rows)) || rows[a.number-1].Action != a.action || rows[a.number-1].Subject != a.subject {
			t.Errorf("the acknowledged change %+v has no row", a)
		}
		checkSecret(t, roster, a)
	}
	locks := checkVictim(t, credentials, rows, before.victim, guesses)
	if extra := int(roster.Revision) - int(last); extra < 0 || extra > 1+locks {
		t.Errorf("revision %d after the acknowledged %d", roster.Revision, last)
	} else {
		underWay = min(extra, 1)
	}
	if diff := cmp.Diff(replay(t, rows), present(roster)); diff != "" || uint64(len(rows)) != roster.Revision {
		t.Errorf("%d rows at revision %d; the rows say (-), the register has (+):\n%s", len(rows), roster.Revision, diff)
	}
	for _, c := range credentials {
		if c.ID == before.victim {
			return victim(t, r, c.PartnerID), underWay
		}
	}
	t.Fatal("the victim is gone")
	return mark{}, 0
}

// allRows reads the record page by page.
func allRows(t *testing.T, r *registry.Registry) (rows []audit.Change) {
	t.Helper()
	for {
		page, err := r.Changes(ctx, uint64(len(rows)), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return rows
		}
		rows = append(rows, page...)
	}
}

// checkSecret compares what was handed out with what the register opens.
func checkSecret(t *testing.T, roster *partner.Roster, a acknowledged) {
	t.Helper()
	if a.action != audit.CredentialRotated && (a.action != audit.CredentialIssued || a.digest == fmt.Sprintf("%x", sha256.Sum256(nil))) {
		return
	}
	for _, c := range roster.Credentials {
		for _, v := range c.Versions {
			if c.ID == a.subject && fmt.Sprintf("%x", sha256.Sum256(v.Secret.Bytes())) == a.digest {
				return
			}
		}
	}
	t.Errorf("the secret of %+v is not the one that was handed out", a)
}

// checkVictim proves that no acknowledged guess is forgotten, and returns how many rows the lock took.
func checkVictim(t *testing.T, credentials []partner.Credential, rows []audit.Change, id string, guesses int) (locks int) {
	t.Helper()
	for _, c := range credentials {
		if c.ID == id && (c.Failures < min(guesses, partner.MaxFailures) || c.Failures > guesses+1 || guesses > 5 && c.LockedAt.IsZero()) {
			t.Errorf("%d acknowledged guesses, %d counted, locked at %v", guesses, c.Failures, c.LockedAt)
		}
	}
	for _, row := range rows {
		if row.Action == audit.CredentialLocked && row.Subject == id {
			locks++
		}
	}
	if locks > 1 {
		t.Errorf("locked %d times", locks)
	}
	return locks
}
