package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// office is a company with an operators' plane: a folder that init made, a server over it, and people who sign in with passkeys.
type office struct {
	*site
	d       *dev
	program string
	clock   string        // file that says by how much the program's clock is ahead
	ahead   time.Duration // what stands in it
	link    string        // of the first admin, as init printed it
	url     string        // of the operators' plane
}

// officeConfig is the configuration of an office. Words in capitals are replaced.
const officeConfig = `data: data
keys: {file: keys/master.key}
ops: {listen: "127.0.0.1:0"}
admin:
  listen: "127.0.0.1:ADMIN"
  MORE_ADMIN
drain: {deadline: 20s, lameduck: 0s}
records:
  decisions: {durability: sync, patience: 60s, keep: 800d}
  checkpoints: {dir: elsewhere, key_file: keys/checkpoint.key, every: 1s}
webhooks:
  source_addresses: [127.0.0.0/8]
  allow: [127.0.0.0/8]
reviews:
  sandbox:
    checklist:
      - {id: contact, title: Somebody answers the phone}
      - {id: agreement, title: The agreement is signed, evidence: link}
  production:
    after: sandbox
    checklist:
      - {id: security-review, title: Security review of the partner is done, evidence: file}
      - {id: addresses, title: Its addresses are registered, evidence: addresses}
      - {id: calls, title: Its calls succeed, evidence: calls}
      - {id: tls, title: Over TLS, evidence: tls}
      - {id: webhook, title: Its webhook endpoint is confirmed, evidence: webhook}
environments:
  sandbox:
    listeners:
      - address: "127.0.0.1:0"
        tls: {certificate: CERT, key: KEY}
    apis:
APIS  production:
    listeners:
      - address: "127.0.0.1:0"
        tls: {certificate: CERT, key: KEY}
    apis:
APIS`

// officeAPIs are those of both environments.
const officeAPIs = `      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "UPSTREAM", timeout: 10s}
      aggregation:
        token: {endpoint: /aggregation/v2/partners/authentication}
        base_paths: [/aggregation]
        upstream: {url: "UPSTREAM"}
`

// stepped is the binary whose clock a test sets forward.
var stepped = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "countersign-testclock")
	cmd := exec.Command("go", "build", "-tags", "testclock", "-o", path, "./cmd/countersign")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build -tags testclock: %w\n%s", err, out)
	}
	return path, nil
})

var linkInInit = regexp.MustCompile(`(?m)^ +(http://localhost:\d+/sign-in/link#\S+)$`)

// officeOf makes an office around a program. Nothing is started yet. A port of 0 is any one.
func officeOf(t *testing.T, program, port, moreAdmin string) *office {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "office")
	o := &office{site: &site{dir: dir, data: filepath.Join(dir, "data"), settings: map[string]string{}},
		program: program, clock: filepath.Join(filepath.Dir(dir), "clock")}
	var err error
	if o.upstream, err = listenRecorder(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.upstream.close)
	o.cert, o.key = longCertificate(t)
	out, err := exec.Command(program, "init", "--dir", dir, "--tls-cert", o.cert, "--tls-key", o.key, "--environment",
		sandbox, "--environment", production,
		"--listen", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0", "--checkpoints",
		filepath.Join(dir, "elsewhere")).CombinedOutput()
	if err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	found := linkInInit.FindSubmatch(out)
	if found == nil {
		t.Fatalf("init prints no link for the first admin:\n%s", out)
	}
	o.link = string(found[1])
	text := officeConfig
	for _, pair := range [][2]string{{"APIS", officeAPIs}, {"MORE_ADMIN", moreAdmin}, {"ADMIN", port}, {"CERT", o.cert},
		{"KEY", o.key}, {"UPSTREAM", "http://" + o.upstream.ln.Addr().String()}} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	o.writeText(t, text)
	return o
}

// longCertificate vouches for this machine for three years, for servers and for what they call.
func longCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "office"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(3, 0, 0),
		IsCA: true, BasicConstraintsValid: true}
	der, err1 := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	secret, err2 := x509.MarshalPKCS8PrivateKey(private)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// env is what every process of the office has: the clock, and who vouches for the partner's servers.
func (o *office) env(more ...string) []string {
	return append(append(os.Environ(), "COUNTERSIGN_TEST_CLOCK="+o.clock, "SSL_CERT_FILE="+o.cert), more...)
}

// server is the program, to be started as a server.
func (o *office) server() *exec.Cmd {
	cmd := exec.Command(o.program)
	cmd.Env = o.env()
	return cmd
}

// open starts the server.
func (o *office) open(t *testing.T) {
	t.Helper()
	o.d = o.serveAs(t, o.server())
	o.url = o.planeOf(t, production)
}

// planeOf is where the operators' plane is, as the server of an environment says.
func (o *office) planeOf(t *testing.T, environment string) string {
	t.Helper()
	var s struct{ Admin string }
	text, err := os.ReadFile(filepath.Join(o.data, "serving-"+environment+".json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || s.Admin == "" {
		t.Fatalf("no operators' plane: %v\n%s", err, text)
	}
	return s.Admin
}

// origin is the plane's origin as browsers see it, and its host without the port.
func (o *office) origin() (origin, host string) {
	u, err := url.Parse(o.url)
	if err != nil {
		return o.url, ""
	}
	return o.url, u.Hostname()
}

// now is the time of the office.
func (o *office) now() time.Time { return time.Now().Add(o.ahead) }

// stamp is the time that a caller signs.
func (o *office) stamp() string { return strconv.FormatInt(o.now().Unix(), 10) }

// pass lets time go by, and waits until the server has noticed.
func (o *office) pass(t *testing.T, span time.Duration) {
	t.Helper()
	o.ahead += span
	next := o.clock + ".next"
	if err := os.WriteFile(next, []byte(o.ahead.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, o.clock); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sandbox, production} {
		for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			// A caller whom nobody knows: told to set its clock as long as the server's is behind, and then nothing at all.
			c := call{method: "GET", target: "/api/v1/clock", ts: o.stamp(), token: strings.Repeat("0", 32), secret: "nobody"}
			if a := o.d.signed(t, name, c); a.status == 401 && strings.Contains(string(a.body), `"unauthorized"`) {
				break
			} else if time.Since(begun) > startLimit {
				t.Fatalf("the server's clock does not follow: %s", a)
			}
		}
	}
}

// localRun runs a command on the server's own disk, as whoever has the disk can.
func (o *office) localRun(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(o.program, append(args, "--config", o.file())...)
	cmd.Env = o.env()
	text, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(text), exitCode(err)
}

// localMust is localRun for what has to succeed.
func (o *office) localMust(t *testing.T, args ...string) string {
	t.Helper()
	out, code := o.localRun(t, args...)
	if code != 0 {
		t.Fatalf("countersign %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}
