package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestABadConfigurationIsRefused whole, with file, line and column in the log; the server goes on with the former one, says so,
// and takes the next good one, without being told: it watches the file.
func TestABadConfigurationIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"a misspelt key":             {"base_paths: [/api/v1]\n        max_body", "base_pths: [/api/v1]\n        max_body", "base_pths"},
		"half a file":                {"environments:\n", "environments: [\n", ""},
		"another data folder":        {"data: DATA", "data: DATA2", "cannot change while the server runs: [data"},
		"another environment":        {"  production:\n", "  staging:\n", "environments.production (it is gone)"},
		"a certificate that is gone": {"CERT", "CERT.gone", "no such file"},
		"an address in use":          {"127.0.0.1:0\"\n        tls", "TAKEN\"\n        tls", "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for the server's look at the file
			s := newSite(t)
			d := s.serve(t)
			good, here := s.text(), strings.NewReplacer("DATA", s.data, "CERT", s.cert, "TAKEN", d.Environments[production].address())
			text := strings.Replace(good, here.Replace(c.old), here.Replace(c.new), 1)
			if text == good {
				t.Fatal("the configuration was not changed")
			}
			s.writeText(t, text)
			d.until(t, "/readyz", 200, `"name":"config","state":"failing"`)
			if d.metric(t, "countersign_config_reload_failed_total") != 1 {
				t.Error("not counted once")
			}
			d.says(t, c.says)
			d.signed(t, sandbox, get("meanwhile")).want(t, 200)
			s.writeText(t, good)
			d.until(t, "/readyz", 200, `"name":"config","state":"ok"`)
			s.settings["MAX_BODY"] = "1KiB"
			s.write(t)
			d.until(t, "/metrics", 200, "countersign_config_reloads_total 1\n")
			small := patch("small")
			small.body = strings.Repeat(" ", 2000)
			d.signed(t, sandbox, small).want(t, 413)
		})
	}
}

// TestListenersComeAndGo with the configuration; requests on one that goes are answered.
func TestListenersComeAndGo(t *testing.T) {
	s := newSite(t)
	d := s.serve(t)
	s.settings["MORE_SANDBOX"] = "\n      - address: \"localhost:0\"\n        tls: {certificate: CERT, key: KEY}"
	s.write(t)
	d.hangup(t)
	d.reloaded(t, 1)
	one, err := s.state(sandbox)
	if err != nil || len(one.Listeners) != 2 {
		t.Fatalf("listeners %v, %v", one.Listeners, err)
	}
	second := *d
	second.Environments = map[string]environment{}
	for _, address := range one.Listeners {
		if e := d.Environments[sandbox]; e.address() != address {
			e.BaseURL = "https://" + address
			second.Environments[sandbox] = e
		}
	}
	second.signed(t, sandbox, get("second")).want(t, 200)
	running, release := make(chan struct{}), make(chan struct{})
	slow := get("slow")

	s.upstream.on(slow.target, func(w io.Writer, one *seen) { close(running); <-release; answerSuccess(w, one) })
	answered := make(chan *answer, 1)
	go func() {
		a, _ := second.try(sandbox, slow.raw(second.Environments[sandbox]))
		answered <- a
	}()
	<-running
	s.settings["MORE_SANDBOX"] = ""
	s.write(t)
	d.hangup(t)
	d.reloaded(t, 2)
	close(release)
	if a := <-answered; a == nil || a.status != 200 {
		t.Errorf("the request on the listener that went: %v", a)
	}
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := second.connect(sandbox, "http/1.1")
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Since(begun) > startLimit {
			t.Fatal("the second listener still accepts")
		}
	}
	d.signed(t, sandbox, get("first")).want(t, 200)
}

// TestCertificatesAreRenewed while the server runs; a pair that is half written is not served, and told.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.serve(t)
	before := d.served(t, sandbox)
	cert, key := certificate(t)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(cert, s.cert)
	d.until(t, "/readyz", 200, `"name":"certificate_files","state":"failing"`)
	if !d.served(t, sandbox).Equal(before) {
		t.Error("a certificate is served without its key")
	}
	move(key, s.key)
	d.until(t, "/readyz", 200, `"name":"certificate_files","state":"ok"`)
	if d.served(t, sandbox).Equal(before) || d.served(t, production).Equal(before) {
		t.Error("the new certificate is not served")
	}
	d.signed(t, sandbox, get("renewed")).want(t, 200)
}

// served is the certificate that a new connection gets.
func (d *dev) served(t *testing.T, env string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", d.Environments[env].address(), &tls.Config{InsecureSkipVerify: true}) // it is looked at, not trusted
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// TestOneEnvironmentAlone: a server of one environment never opens the other one's keys, knows none of its credentials, and
// another process serves that from the same folder; neither is served twice.
func TestOneEnvironmentAlone(t *testing.T) {
	s := newSite(t)
	// A pipe in the place of production's key: whoever opens it would wait for ever, and whoever looks at it refuses.
	s.settings["PRODUCTION_KEY"] = filepath.Join(s.dir, "production.key")
	if err := syscall.Mkfifo(s.settings["PRODUCTION_KEY"], 0o600); err != nil {
		t.Fatal(err)
	}
	d := s.serve(t, sandbox)
	d.signed(t, sandbox, get("alone")).want(t, 200)
	d.called(t, sandbox, authentication(d.Environments[sandbox], "")).want(t, 200)
	c := get("alone")
	c.token, c.secret = s.given.Environments[production].Card.APIToken, s.given.Environments[production].Card.APISecret
	if l := d.line(t, d.signed(t, sandbox, c).want(t, 401)); l.text("reason") != "unknown_credential" {
		t.Errorf("production's key is known here: %v", l)
	}
	if cmd, err := s.launch(exec.Command(binary(t))); err == nil {
		cmd.kill()
		t.Error("a server of both environments starts beside the one of the sandbox, and without production's key")
	}
	s.settings["PRODUCTION_KEY"] = filepath.Join(s.data, "master.key")
	p := s.serve(t, production)
	p.signed(t, production, get("alone")).want(t, 200)
	if cmd, err := s.launch(exec.Command(binary(t)), sandbox); err == nil {
		cmd.kill()
		t.Error("the sandbox is served twice")
	} else if !strings.Contains(err.Error(), "another countersign serves") {
		t.Errorf("refused with %v", err)
	}
	d.signed(t, sandbox, get("alone")).want(t, 200)
}

// TestRule8AJournalOfAnotherServerIsNotForgotten: where the environments of a folder are served in another way than a moment ago,
// requests that must not be repeated are refused until the former journal's claims are over; others are served.
func TestRule8AJournalOfAnotherServerIsNotForgotten(t *testing.T) {
	s := newSite(t)
	d := s.serve(t)
	c := patch("once")
	raw := c.raw(d.Environments[sandbox])
	d.ask(t, sandbox, raw).want(t, 200)
	mustStop(t, d)
	d = s.serve(t, sandbox)
	d.until(t, "/readyz", 503, `"name":"replay","state":"failing"`)
	requests, bytes := s.upstream.mark()
	d.ask(t, sandbox, raw).want(t, 503)
	if seen, _ := s.upstream.since(requests, bytes); len(seen) > 0 {
		t.Error("a captured request was let in by the second server")
	}
	d.signed(t, sandbox, get("read")).want(t, 200)
}
