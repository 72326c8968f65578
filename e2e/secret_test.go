package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// modified is Modify Partner Secret in JSON.
func modified(e environment, old, fresh string, immediate *bool) tokenCall {
	fields := map[string]any{"partnerId": e.Aggregation.PartnerID, "partnerSecret": old, "newPartnerSecret": fresh}
	if immediate != nil {
		fields["immediate"] = *immediate
	}
	text, _ := json.Marshal(fields) // strings and a boolean do not fail
	return tokenCall{method: "PUT", path: authPath, kind: jsonType, accept: jsonType, body: string(text)}
}

// TestSecretChangedOverTheWire: the old secret fails at once, live tokens survive, and after a restart the new secret
// works, is printed nowhere, and everything else is as it was.
func TestSecretChangedOverTheWire(t *testing.T) {
	data := folder(t)
	d := start(t, data)
	e := d.Environments[sandbox]
	const fresh = "brand-new_Secret+4"
	token := d.token(t, sandbox)
	if a := d.called(t, sandbox, modified(e, e.Aggregation.PartnerSecret, fresh, nil)).want(t, 204); len(a.body) != 0 {
		t.Errorf("a body on 204: %v", a)
	}
	if got := d.called(t, sandbox, authentication(e, "")).want(t, 401).code(t); got != 10001 {
		t.Errorf("the old secret is answered by %d", got)
	}
	d.called(t, sandbox, authentication(e, fresh)).want(t, 200)
	d.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
	mustStop(t, d)

	again := start(t, data)
	text, err := os.ReadFile(again.readyFile)
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{"ready file": string(text), "banner": again.stdout.String(), "log": again.stderr.String()} {
		if strings.Contains(text, fresh) || strings.Contains(text, e.Aggregation.PartnerSecret) {
			t.Errorf("the %s holds a secret that was changed over the wire, or the one before it", place)
		}
	}
	want := e
	want.BaseURL, want.Aggregation.PartnerSecret = again.Environments[sandbox].BaseURL, ""
	if got := again.Environments[sandbox]; got != want {
		t.Errorf("after a restart:\n%+v\nwant\n%+v", got, want)
	}
	again.called(t, sandbox, authentication(again.Environments[sandbox], fresh)).want(t, 200)
	again.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
	for _, block := range again.banner(t, 4) {
		if strings.Contains(block.title, "oken") || strings.Contains(block.title, "Partner") {
			t.Errorf("a command is printed that cannot work without the secret: %s", block.text)
		}
	}
	graceOf(t, again)
	inXML(t, again, fresh)
}

// inXML changes the secret once more, in XML and to one that XML must escape.
func inXML(t *testing.T, d *dev, old string) {
	t.Helper()
	e := d.Environments[sandbox]
	const fresh = "third&Secret#6%_$"
	body := strings.TrimSuffix(credentialsXML(e.Aggregation.PartnerID, old), "</credentials>") +
		"<newPartnerSecret>" + xmlText.Replace(fresh) + "</newPartnerSecret></credentials>"
	d.called(t, sandbox, tokenCall{method: "PUT", path: authPath, kind: xmlType, body: body}).want(t, 204)
	a := d.called(t, sandbox, tokenCall{method: "POST", path: authPath, kind: xmlType, body: credentialsXML(e.Aggregation.PartnerID, fresh)}).want(t, 200)
	if !strings.HasPrefix(string(a.body), xmlHead+"<access><token>") {
		t.Errorf("%v", a)
	}
	d.called(t, sandbox, authentication(e, fresh)).want(t, 200)
}

// graceOf: with immediate false both secrets work.
func graceOf(t *testing.T, d *dev) {
	t.Helper()
	e, no := d.Environments[production], false
	d.called(t, production, modified(e, e.Aggregation.PartnerSecret, "second-Secret*55", &no)).want(t, 204)
	d.called(t, production, authentication(e, "")).want(t, 200)
	d.called(t, production, authentication(e, "second-Secret*55")).want(t, 200)
}

// TestLock: five consecutive wrong secrets lock; a success before resets the count; the lock survives a restart, tokens
// survive the lock, and the operator's command opens it.
func TestLock(t *testing.T) {
	data := folder(t)
	d := start(t, data)
	e := d.Environments[sandbox]
	wrong := authentication(e, "wrong-secret-1")
	fail := func(d *dev, c tokenCall, code int) {
		t.Helper()
		if got := d.called(t, sandbox, c).want(t, 401).code(t); got != code {
			t.Fatalf("code %d instead of %d", got, code)
		}
	}
	for range 4 {
		fail(d, wrong, 10001)
	}
	token := d.token(t, sandbox)
	fail(d, modified(e, "wrong-secret-1", "some-Other-secret-1", nil), 10001)
	for range 4 {
		fail(d, wrong, 10001)
	}
	fail(d, wrong, 24302)
	fail(d, authentication(e, ""), 24302)
	d.called(t, sandbox, tokenCall{method: "GET", path: "/v1/customers", token: token}).want(t, 200)
	parallelGuesses(t, d)
	mustStop(t, d)

	d = start(t, data)
	fail(d, authentication(e, ""), 24302)
	begun := time.Now()
	out, err := exec.Command(binary(t), "partner", "unlock", "--data", data, "--login", e.Aggregation.PartnerID).CombinedOutput()
	if err != nil {
		t.Fatalf("partner unlock: %v\n%s", err, out)
	}
	d.awaitUnlocked(t, sandbox)
	t.Logf("unlocked %s after the command was started", time.Since(begun))
}

// awaitUnlocked polls until authentication works. How soon a change is live is measured elsewhere.
func (d *dev) awaitUnlocked(t *testing.T, env string) {
	t.Helper()
	for begun := time.Now(); ; {
		a := d.called(t, env, authentication(d.Environments[env], ""))
		if a.status == 200 {
			return
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("still locked: %v", a)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// parallelGuesses: of a hundred guesses at once at most five learn that they were wrong; all others find it locked or are
// told to come again, and the right secret then finds it locked.
func parallelGuesses(t *testing.T, d *dev) {
	t.Helper()
	wrong := authentication(d.Environments[production], "wrong-secret-2")
	var mu sync.Mutex
	var group sync.WaitGroup
	codes := map[int]int{}
	for range 100 {
		group.Go(func() {
			a, err := d.try(production, wrong.raw(d.Environments[production]))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			codes[guessed(a)]++
		})
	}
	group.Wait()
	t.Logf("100 parallel wrong guesses by code: %v", codes)
	if codes[10001] > 5 || codes[10001] < 1 || codes[10001]+codes[24302]+codes[503]+codes[429] != 100 {
		t.Errorf("answers by code: %v", codes)
	}
	for range 5 { // guesses that were turned away uncounted may have left some
		d.called(t, production, wrong)
	}
	if got := d.called(t, production, authentication(d.Environments[production], "")).want(t, 401).code(t); got != 24302 {
		t.Errorf("after 100 wrong guesses the right secret is answered by %d", got)
	}
}

// TestParallelRightSecrets: however many come at once, right ones all succeed.
func TestParallelRightSecrets(t *testing.T) {
	r := onModels(t)
	e := r.Environments[production]
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if a, err := r.try(production, authentication(e, "").raw(e)); err != nil || a.status != 200 {
				t.Errorf("%v, %v", a, err)
			}
		})
	}
	group.Wait()
}

// guessed sorts the answers to a guess: the code where the partner was looked at, else the status.
func guessed(a *answer) int {
	var refusal struct{ Code int }
	_ = json.Unmarshal(a.body, &refusal) // anything else shows as its status
	if a.status == 401 {
		return refusal.Code
	}
	return a.status
}
