package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// Variables that stand in the place of flags.
const (
	serverVariable = "COUNTERSIGN_SERVER"
	tokenVariable  = "COUNTERSIGN_TOKEN"
	caVariable     = "COUNTERSIGN_CA_FILE"
)

// maxAuthorities bounds a file of certificate authorities.
const maxAuthorities = 1 << 20

// remoteOptions say which server's operators' plane a command speaks to, and as whom. Without a server it is this disk.
type remoteOptions struct {
	server    string
	tokenFile string
	caFile    string
}

func (r *remoteOptions) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&r.server, "server", "", "`URL` of a server's operators' plane, instead of the register on this disk; else $"+serverVariable)
	r.identityFlags(c)
}

// identityFlags are those that say as whom, and whom to trust.
func (r *remoteOptions) identityFlags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&r.tokenFile, "token-file", "", "with --server: `FILE` (mode 0600) with the token of a service account; else $"+tokenVariable+", else who is signed in by countersign login")
	f.StringVar(&r.caFile, "ca-file", "", "with --server: `FILE` (PEM) of the authorities that vouch for it, instead of the system's; else $"+caVariable)
	_ = c.MarkPersistentFlagFilename("token-file")
	_ = c.MarkPersistentFlagFilename("ca-file", "pem", "crt")
}

// server is the base of the server that is meant; empty: this disk. The variable counts only where no place on the disk is named.
func (o *operator) server() (string, error) {
	text := o.remote.server
	if text != "" && (o.config != "" || o.data != "") {
		return "", hinted{errors.New("--server excludes --config and --data"), "the first is a server's register, the others are one on this disk"}
	}
	if text == "" && o.config == "" && o.data == "" {
		text = os.Getenv(serverVariable)
	}
	if text == "" {
		return "", nil
	}
	base, err := parseServer(text)
	if err != nil {
		return "", fmt.Errorf("--server %s: %w", text, err)
	}
	return base, nil
}

// isServer tells the URL of a server from the names of environments, which older command lines give with the same flag.
func isServer(text string) bool { return strings.Contains(text, "://") }

// parseServer reads the base of an operators' plane: https, or http to this very machine, and nothing behind host and port.
func parseServer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Path != "" && u.Path != "/" || strings.Contains(u.Host, "%") {
		return "", hinted{errors.New("not the base of a server"), "write https://HOST or https://HOST:PORT, nothing else"}
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopbackName(u.Hostname()):
	case u.Scheme == "http":
		return "", hinted{errors.New("without TLS everybody on the way could read the token"), "write https://" + u.Host}
	default:
		return "", hinted{fmt.Errorf("scheme %q", u.Scheme), "write https://" + u.Host}
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func isLoopbackName(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// diskOnly refuses a server for a command that needs the disk itself.
func (o *operator) diskOnly(c *cobra.Command) error {
	server, err := o.server()
	if err != nil || server == "" {
		return err
	}
	hint := "run it on the server's machine, with --config or --data"
	if o.remote.server == "" {
		hint += "; $" + serverVariable + " is set and stands for --server"
	}
	return hinted{fmt.Errorf("%s needs the server's disk: it cannot be done with --server %s", c.CommandPath(), server), hint}
}

// connect makes the way to a server. Nothing is sent before the first question.
func (o *operator) connect(ctx context.Context, server string, out *output) (*session, error) {
	client, err := o.remote.client(server)
	if err != nil {
		return nil, err
	}
	return &session{register: client, remote: client, ctx: ctx, out: out, close: client.Close}, nil
}

// client speaks to a server as whoever the token is of.
func (r *remoteOptions) client(server string) (*remote.Client, error) {
	kept, err := readLogin(server)
	if err != nil {
		return nil, err
	}
	token, err := r.token(server, kept)
	if err != nil {
		return nil, err
	}
	roots, err := r.roots(kept)
	if err != nil {
		return nil, err
	}
	return remote.New(remote.Config{Server: server, Token: token, Roots: roots, Agent: "countersign/" + version()})
}

// token is that of a service account, or of the person who is signed in.
func (r *remoteOptions) token(server string, kept login) (string, error) {
	text, from := kept.Token, "countersign login"
	switch {
	case r.tokenFile != "":
		content, err := readPrivate(r.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		text, from = strings.TrimRight(string(content), "\r\n"), r.tokenFile
		clear(content)
	case os.Getenv(tokenVariable) != "":
		text, from = os.Getenv(tokenVariable), "$"+tokenVariable
	}
	if text == "" {
		return "", hinted{errors.New("nobody is signed in at " + server), "countersign login --server " + server + ", or a service account's token with --token-file"}
	}
	if err := remote.CheckToken(text); err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	return text, nil
}

// roots are the authorities of the flag, of the variable, or those that were named at the sign-in; nil: the system's.
func (r *remoteOptions) roots(kept login) (*x509.CertPool, error) {
	path, err := r.authorities()
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = kept.CAFile
	}
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAuthorities))
	if err != nil {
		return nil, fmt.Errorf("--ca-file %s: %w", path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, hinted{fmt.Errorf("--ca-file %s: no certificate in it", path), "PEM is expected: -----BEGIN CERTIFICATE-----"}
	}
	return pool, nil
}

// authorities is the whole path of the file that the flag or the variable names; empty: neither does.
func (r *remoteOptions) authorities() (string, error) {
	path := r.caFile
	if path == "" {
		path = os.Getenv(caVariable)
	}
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}
