package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
)

// holder is a caller's certificate, signed by itself.
type holder struct {
	cert tls.Certificate
	leaf *x509.Certificate
	key  string // as a credential is bound to it
}

// newHolder makes one that is in force around the world's clock for a span, and around the machine's.
func newHolder(t testing.TB, until time.Time) holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Unix(base, 0).AddDate(-20, 0, 0), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return holder{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, leaf, hex.EncodeToString(sum[:])}
}

// trusted asks for certificates and verifies those of the holders, where one is given.
func trustedHolders(mode tls.ClientAuthType, list ...holder) func(*settings) {
	return func(s *settings) {
		s.tls = func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs, c.Time = mode, x509.NewCertPool(), func() time.Time { return time.Unix(base, 0) }
			for _, h := range list {
				c.ClientCAs.AddCert(h.leaf)
			}
		}
	}
}

// client makes calls over connections of its own, with a certificate or none; protocol is "h2" or "http/1.1".
func (d *door) client(protocol string, certs ...tls.Certificate) (*http.Client, *tls.Config) {
	d.t.Helper()
	cfg := &tls.Config{RootCAs: d.pool, Certificates: certs, NextProtos: []string{protocol}, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: protocol == "h2", DisableCompression: true}
	d.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}, cfg
}

// ask makes a call of the world with a client, and returns status, body and whether the connection was a resumed one.
func (d *door) ask(client *http.Client, c call) (status int, body string, resumed bool) {
	d.t.Helper()
	r, err := http.NewRequest(c.method, "https://"+d.addr+c.target, strings.NewReader(c.body))
	d.must(err)
	for _, line := range c.fields {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	d.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	d.must(err)
	return resp.StatusCode, string(text), resp.TLS.DidResume
}

// TestRule29ClientCertificatesOverRealHandshakes: whose certificate a connection has proved is what counts for each of its
// requests: new, resumed, over both protocols.
func TestRule29ClientCertificatesOverRealHandshakes(t *testing.T) {
	w := newWorld(t)
	forever := time.Unix(base, 0).AddDate(20, 0, 0)
	bound, other, stranger := newHolder(t, forever), newHolder(t, forever), newHolder(t, forever)
	w.must(w.register.BindClientKeys(ctx, alice, w.keys["good"].Credential.ID, []string{bound.key}))
	d := w.open(t, trustedHolders(tls.VerifyClientCertIfGiven, bound, other))
	for _, protocol := range []string{"http/1.1", "h2"} {
		for what, row := range map[string]struct {
			certs  []tls.Certificate
			who    string
			status int
		}{
			"the bound key":              {[]tls.Certificate{bound.cert}, "good", 200},
			"another partner's key":      {[]tls.Certificate{other.cert}, "good", 403},
			"no key":                     {nil, "good", 403},
			"a credential without keys":  {[]tls.Certificate{other.cert}, "canada", 403}, // for its country
			"one that is not bound":      {nil, "stray", 403},                            // for its address
			"nobody who is not admitted": {[]tls.Certificate{bound.cert}, "suspended", 403},
		} {
			t.Run(protocol+"/"+what, func(t *testing.T) {
				d := d.in(t)
				client, _ := d.client(protocol, row.certs...)
				for _, resumed := range []bool{false, true} {
					status, body, did := d.ask(client, get(row.who)(d))
					if certificate := row.who == "good" && row.status == 403; status != row.status || certificate != strings.Contains(body, "client_certificate") {
						t.Errorf("%d %s", status, body)
					}
					if did != resumed {
						t.Errorf("resumed %v, want %v", did, resumed)
					}
					d.records.line()
					client.CloseIdleConnections()
				}
			})
		}
	}
	if _, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, Certificates: []tls.Certificate{stranger.cert}, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("a certificate of no authority of this listener was taken")
	}
}

// TestRule29ACertificateIsJudgedForEachRequest: one that has ended counts no more, although its connection lives on; and a
// key that is unbound meanwhile is refused on the same connection.
func TestRule29ACertificateIsJudgedForEachRequest(t *testing.T) {
	w := newWorld(t)
	bound := newHolder(t, time.Unix(base+10, 0))
	w.must(w.register.BindClientKeys(ctx, alice, w.keys["good"].Credential.ID, []string{bound.key}))
	d := w.open(t, trustedHolders(tls.VerifyClientCertIfGiven, bound))
	client, _ := d.client("h2", bound.cert)
	want := func(what string, want int) {
		t.Helper()
		if status, body, _ := d.ask(client, get("good")(d)); status != want {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	want("in force", 200)
	w.clock.Store(base + 10)
	want("in its last second", 200)
	w.clock.Store(base + 11)
	want("ended", 403)
	w.clock.Store(base)
	want("in force again", 200)
	w.must(w.register.BindClientKeys(ctx, alice, w.keys["good"].Credential.ID, []string{strings.Repeat("ab", 32)}))
	d.reload()
	want("unbound", 403)
}

// TestRule29CoalescedHostsAreRefused: a connection that was made for one environment's name, with its certificate, does not
// serve another's.
func TestRule29CoalescedHostsAreRefused(t *testing.T) {
	w := newWorld(t)
	bound := newHolder(t, time.Unix(base, 0).AddDate(20, 0, 0))
	w.must(w.register.BindClientKeys(ctx, alice, w.keys["good"].Credential.ID, []string{bound.key}))
	d := w.open(t, trustedHolders(tls.RequireAndVerifyClientCert, bound), func(s *settings) { s.gateway.Hosts = []string{"api.example.com"} })
	client, _ := d.client("h2", bound.cert)
	for host, want := range map[string]int{"api.example.com": 200, "API.example.com:443": 200, "production.example.com": 421} {
		if status, body, _ := d.ask(client, get("good", "Host: "+host)(d)); status != want {
			t.Errorf("%s: %d %s", host, status, body)
		}
	}
}

// TestRule9ABoundAppWithoutItsKey hears at the token endpoint what it would hear of a wrong secret, and nothing is counted.
func TestRule9ABoundAppWithoutItsKey(t *testing.T) {
	w := newWorld(t)
	bound := newHolder(t, time.Unix(base, 0).AddDate(20, 0, 0))
	app := w.apps["good"]
	w.must(w.register.BindClientKeys(ctx, alice, app.Credential.ID, []string{bound.key}))
	d := w.open(t, trustedHolders(tls.VerifyClientCertIfGiven, bound))
	without, _ := d.client("http/1.1")
	for range 6 {
		status, body, _ := d.ask(without, authentication(app, string(app.Secret.Bytes())))
		if line, text := d.records.line(); status != 401 || !strings.Contains(body, "10001") || line["reason"] != "unproved_address" || line["where"] != "client_certificate" {
			t.Errorf("%d %s; record %s", status, body, text)
		}
	}
	with, _ := d.client("http/1.1", bound.cert)
	if status, body, _ := d.ask(with, authentication(app, string(app.Secret.Bytes()))); status != 200 {
		t.Errorf("with the key: %d %s", status, body)
	}
}

// TestWarningsStandInTheRecord: a caller that a tightened rule would refuse is let in, and the line says for what.
func TestWarningsStandInTheRecord(t *testing.T) {
	d := newWorld(t).open(t, func(s *settings) {
		s.api = func(a *access.API) {
			a.ClientCertificate, a.ClientCertificateWarn, a.AddressWarn = access.ClientCertificateRequired, true, true
		}
	})
	if a := d.do(get("stray")(d)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, text := d.records.line(); !strings.Contains(text, `"warnings":["client_certificate","address_not_listed"]`) {
		t.Errorf("record %s", text)
	}
}
