package nodes_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/redistest"
)

// sandbox is the one environment that the nodes serve; the partner is the one whom `dev` makes.
const (
	sandbox = "sandbox"
	partner = "Demo Partner"
)

// site is what a company has that runs three nodes: one register and one cache, an upstream, a partner with a signing key.
type site struct {
	dir       string
	cert, key string
	master    string // the master key, which every node has
	url       string // of the register's database
	given     signingKey
	app       app
	operator  string // the token of a program that operates the register
	upstream  *upstream
	store     *postgres
	cache     *redistest.Server
	nodes     []*node

	mu    sync.Mutex
	count int
}

// newSite makes a site with a database and a cache of its own and starts its nodes. What is different from the settings of node.text
// stands in settings. It ends with t.
func newSite(t testing.TB, nodes int, settings map[string]string) *site {
	t.Helper()
	heart() // begins to beat
	s := &site{store: thePostgres(t)}
	dir, err := os.MkdirTemp(scratch, "site-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	s.url = s.store.database(t)
	s.cache = redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
	s.certificate(t)
	from, err := planted()
	if err != nil {
		t.Fatal(err)
	}
	s.given, s.app, s.operator, s.master = from.given, from.app, from.operator, from.master
	s.move(t, from.data)
	s.upstream = listenUpstream(t)
	for i := range nodes {
		s.nodes = append(s.nodes, s.newNode(t, fmt.Sprintf("127.0.0.%d", i+1), settings))
	}
	for _, n := range s.nodes {
		n.start(t)
	}
	return s
}

// app is a credential whose secret is exchanged for access tokens.
type app struct {
	Key       string `json:"app_key"`
	PartnerID string `json:"partner_id"`
	Secret    string `json:"partner_secret"`
}

// seed is what a first start of `dev` made: an approved partner with credentials. Every site takes a copy of its register.
type seed struct {
	data, master string
	given        signingKey
	app          app
	operator     string
}

var planted = sync.OnceValues(func() (*seed, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	s, file := &seed{data: filepath.Join(scratch, "seed")}, filepath.Join(scratch, "ready.json")
	s.master = filepath.Join(s.data, "master.key")
	p, err := launch(scratch, nil, path, "dev", "--quiet", "--data", s.data, "--ready-file", file,
		"--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer p.kill()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err == nil {
			return s, errors.Join(s.read(text), p.stop())
		}
		if p.ended() || time.Since(begun) > patience {
			return nil, fmt.Errorf("dev is not ready: %s", p.log.tail())
		}
	}
})

func (s *seed) read(text []byte) error {
	var ready struct {
		Admin struct {
			ServiceToken string `json:"service_token"`
		} `json:"admin"`
		Environments map[string]struct {
			Aggregation app `json:"aggregation"`
			Card        struct {
				APIToken  string `json:"api_token"`
				APISecret string `json:"api_secret"`
			} `json:"card"`
		} `json:"environments"`
	}
	err := json.Unmarshal(text, &ready)
	card := ready.Environments[sandbox].Card
	s.app = ready.Environments[sandbox].Aggregation
	s.given, s.operator = signingKey{card.APIToken, card.APISecret}, ready.Admin.ServiceToken
	return err
}

// certificate makes one for all three addresses.
func (s *site) certificate(t testing.TB) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nodes"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 3)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	s.cert, s.key = filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem")
	for file, block := range map[string]*pem.Block{s.cert: {Type: "CERTIFICATE", Bytes: der}, s.key: {Type: "PRIVATE KEY", Bytes: secret}} {
		write(t, file, string(pem.EncodeToMemory(block)))
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// trust is what callers know of the nodes.
func (s *site) trust(t testing.TB) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// id is a name that no other request of the site has.
func (s *site) id(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return fmt.Sprintf("%s-%07d", kind, s.count)
}

// caller is one that asks a node.
func (s *site) caller(t testing.TB, n *node) *caller {
	t.Helper()
	c := &caller{address: n.address, tls: s.trust(t)}
	t.Cleanup(c.close)
	return c
}

// others are all nodes but one.
func (s *site) others(n *node) (others []*node) {
	for _, one := range s.nodes {
		if one != n {
			others = append(others, one)
		}
	}
	return others
}

// urlBehind is the URL of the register as a node sees it, behind its own relay.
func (s *site) urlBehind(r *relay) string {
	_, name, _ := strings.Cut(s.url, "dbname=")
	name, _, _ = strings.Cut(name, " ")
	return "postgres://countersign@" + r.address() + "/" + name + "?sslmode=disable\n"
}

// move brings a register from a data folder into the site's database.
func (s *site) move(t testing.TB, data string) {
	t.Helper()
	file := filepath.Join(s.dir, "register.url")
	write(t, file, s.url+"\n")
	cmd := exec.Command(built(t, program), "store", "copy", "--data", data, "--to", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("store copy: %v\n%s", err, out)
	}
}
