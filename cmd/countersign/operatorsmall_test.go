package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/config"
	"countersign.dev/internal/registry"
)

// TestACommandWithoutArgumentsSaysSo, and does not speak of commands where there are none below.
func TestACommandWithoutArgumentsSaysSo(t *testing.T) {
	for _, line := range []string{"sign x", "partner list x", "audit verify x y", "key rotate x"} {
		code, _, errOut := command(t, strings.Fields(line)...)
		if code != exitFailed || !strings.Contains(errOut, `takes no arguments, but was given "x"`) || !strings.Contains(errOut, "hint: ") {
			t.Errorf("%s: %d %s", line, code, errOut)
		}
	}
	for _, line := range []string{"partner x", "x"} {
		if code, _, errOut := command(t, strings.Fields(line)...); code != exitFailed || strings.Contains(errOut, "takes no arguments") {
			t.Errorf("%s: %d %s", line, code, errOut)
		}
	}
}

// TestGapsAreToldAlike: a search and a tail tell of a gap what a verification tells.
func TestGapsAreToldAlike(t *testing.T) {
	for text, want := range map[string]string{
		`{"time":"2026-01-01T00:00:00.000000Z","gap":true,"lost":2,"seq":1,"chain":""}`:                    "2 lines could not be written",
		`{"time":"2026-01-01T00:00:00.000000Z","gap":true,"crash":true,"seq":1,"chain":""}`:                "lines are missing, nobody knows how many",
		`{"time":"2026-01-01T00:00:00.000000Z","gap":true,"torn":7,"kept":"torn-1","seq":1,"chain":""}`:    "a line was torn by a crash, its 7 bytes are kept in torn-1",
		`{"time":"2026-01-01T00:00:00.000000Z","gap":true,"kept":"damaged-1","former":"ab","seq":1,"x":1}`: "the damaged record ab was set aside",
	} {
		if got := decisionCells(&search.Found{Text: []byte(text), Line: search.Line{Kind: search.Gap}})[2]; got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// TestCredentialsOfAClosedReviewAreNotLive, and those of a closed partner are not either: nothing of them counts, and no list may
// say otherwise.
func TestCredentialsOfAClosedReviewAreNotLive(t *testing.T) {
	for _, how := range [][]string{{"-e", "sandbox"}, nil} {
		r := newAnchored(t)
		must(t, "partner", "request-access", "Example Bank", "-e", "sandbox", "--data", r.data)
		if err := collaborate(t.Context(), []string{r.data, "approve", "Example Bank", "sandbox"}); err != nil {
			t.Fatal(err)
		}
		must(t, "credential", "issue", "Example Bank", "-e", "sandbox", "--kind", "signing_key", "--secret-file", r.data+"/one", "--data", r.data)
		if out, _ := must(t, "credential", "list", "--data", r.data); !strings.Contains(out, "live") {
			t.Error(out)
		}
		must(t, append([]string{"partner", "close", "Example Bank", "--yes", "--data", r.data}, how...)...)
		for _, line := range [][]string{{"credential", "list"}, {"partner", "show", "Example Bank"}} {
			if out, _ := must(t, append(line, "--data", r.data)...); regexp.MustCompile(`\blive\b`).MatchString(strings.ReplaceAll(out, "not live", "")) || !strings.Contains(out, "closed") {
				t.Errorf("%s %s:\n%s", how, line, out)
			}
		}
	}
}

// admit has a colleague ask for a review in production, and approves it.
func admit(t *testing.T, file, who string) {
	t.Helper()
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	r, db, err := openRegisterOf(t.Context(), cfg, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.FindPartner(t.Context(), who)
	if err == nil {
		err = r.RequestReview(t.Context(), registry.Actor{Kind: registry.Operator, Name: "colleague"}, p.ID, "production", "")
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	must(t, "partner", "approve", who, "-e", "production", "--config", file)
}

// TestWhatAChangeLeavesOpenIsTold: a binding that nobody asks for, and a quota alone tells that no rate applies beside it.
func TestWhatAChangeLeavesOpenIsTold(t *testing.T) {
	file := initServed(t, nil)
	data := strings.TrimSuffix(file, "countersign.yaml") + "data"
	must(t, "partner", "add", "Example Bank", "--config", file)
	admit(t, file, "Example Bank")
	out, _ := must(t, "credential", "issue", "Example Bank", "-e", "production", "--kind", "signing-key", "--secret-file", data+"/one", "--config", file, "-o", "json")
	id := regexp.MustCompile(`crd_[a-z0-9]+`).FindString(out)
	bind := []string{"credential", "bind", id, "--client-key", strings.Repeat("0a", 32), "--config", file}
	if _, errOut := must(t, bind...); !strings.Contains(errOut, "no listener of production asks for client certificates") {
		t.Errorf("%s", errOut)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	asking := regexp.MustCompile(`(?m)^( *)- address: .*$`).ReplaceAllString(string(text), "$0\n$1  client_certificates: {ca_file: ca.pem, mode: optional}")
	if err := os.WriteFile(file, []byte(asking), 0o600); err != nil {
		t.Fatal(err)
	}
	bind[4] = strings.Repeat("0b", 32)
	if _, errOut := must(t, bind...); strings.Contains(errOut, "no listener") {
		t.Errorf("a listener asks: %s", errOut)
	}
	if _, errOut := must(t, "limit", "set", "Example Bank", "-e", "production", "--daily", "10", "--config", file); !strings.Contains(errOut, "with a quota alone no rate applies") {
		t.Error(errOut)
	}
	if _, errOut := must(t, "limit", "set", "Example Bank", "-e", "production", "--rate", "1/s", "--config", file); strings.Contains(errOut, "quota alone") {
		t.Error(errOut)
	}
}

// TestAStopTellsItsBeginAndItsEnd, with what was running and what was cut off.
func TestAStopTellsItsBeginAndItsEnd(t *testing.T) {
	log := serveOnce(t, initServed(t, nil), func(ops string) {
		answer, err := http.Get(ops + "/livez")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	})
	begin := strings.Index(log, `"msg":"the listeners stop; running requests may end","running":0,"deadline":"45s"`)
	end := strings.Index(log, `"msg":"the listeners have stopped","cut_off":0,"after":"`)
	if begin < 0 || end < begin {
		t.Errorf("%s", log)
	}
}

// TestAStopTellsWhatWasCutOff: what still runs at the deadline.
func TestAStopTellsWhatWasCutOff(t *testing.T) {
	heard := new(lockedBuffer)
	a := newAssembly(t.TempDir(), nil, slog.New(slog.NewJSONHandler(heard, nil)), 1)
	a.current.Store(&generation{blueprint: &blueprint{}})
	f := new(front)
	f.running.Store(3)
	a.fronts["one"] = f
	ctx, cancel := context.WithCancel(t.Context())
	ended := a.tellDrain(ctx, time.Second)
	cancel()
	ended()
	if log := heard.String(); !strings.Contains(log, `"running":3,"deadline":"1s"`) || !strings.Contains(log, `"cut_off":3`) {
		t.Error(log)
	}
}
