package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificate is the pair that was given, or one from the folder's own authority, for what listens on addr.
func (d *devServer) certificate(addr string) (tls.Certificate, error) {
	if d.options.tlsCert != "" {
		return d.givenCertificate()
	}
	now := clock()
	ca, err := openCA(d.dir, now)
	if err != nil {
		return tls.Certificate{}, err
	}
	d.caFile = ca.certFile
	return ca.issue(hostsOf(addr), now)
}

// hostsOf are the names of what listens on addr: of every address of this machine, where it listens on all.
func hostsOf(addr string) []string {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return []string{host}
	}
	var hosts []string
	addrs, _ := net.InterfaceAddrs() // what cannot be listed is missing from the certificate, and nothing worse
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			hosts = append(hosts, n.IP.String())
		}
	}
	return hosts
}

// givenCertificate is the operator's own pair. A key that others can read is theirs to answer for, and is told.
func (d *devServer) givenCertificate() (tls.Certificate, error) {
	file, err := filepath.Abs(d.options.tlsCert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("find the certificate: %w", err)
	}
	d.caFile = file
	if info, err := os.Stat(d.options.tlsKey); err == nil && info.Mode().Perm()&0o077 != 0 {
		d.log.Warn("others can read the TLS key", "file", d.options.tlsKey, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	return loadCertificate(d.options.tlsCert, d.options.tlsKey)
}

// loadCertificate reads the operator's own pair.
func loadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	if certFile == "" || keyFile == "" {
		return tls.Certificate{}, errors.New("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the TLS pair %s and %s: %w", certFile, keyFile, err)
	}
	return pair, nil
}

// localCA is the certificate authority of one data folder: made once and kept, so that what trusts it keeps trusting it.
type localCA struct {
	certFile string
	cert     *x509.Certificate
	key      *ecdsa.PrivateKey
}

// openCA reads the folder's authority, or makes it if neither of its files is there.
func openCA(dir string, now time.Time) (*localCA, error) {
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca-key.pem")
	_, certErr := os.Lstat(certFile)
	_, keyErr := os.Lstat(keyFile)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		if err := makeCA(certFile, keyFile, now); err != nil {
			return nil, fmt.Errorf("make the local certificate authority: %w", err)
		}
	}
	secret, err := readPrivate(keyFile)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	cert, err := os.ReadFile(certFile)
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.X509KeyPair(cert, secret)
	}
	if err != nil {
		return nil, hinted{fmt.Errorf("read the local certificate authority: %w", err), "remove " + certFile + " and " + keyFile + " to have a new one made"}
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s does not hold a key of ours", keyFile)
	}
	return &localCA{certFile: certFile, cert: pair.Leaf, key: key}, nil
}

func makeCA(certFile, keyFile string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Countersign development CA (this folder only)"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := createFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return createFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// issue makes a server certificate for loopback and the given listen hosts. It lives in memory, for this run.
func (ca *localCA) issue(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a server key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" && host != "localhost" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key}, nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return big.NewInt(time.Now().UnixNano())
	}
	return n
}
