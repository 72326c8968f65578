//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// peer is one proxy that is measured.
type peer struct {
	name    string
	program string  // must be on the PATH; empty: it is ours
	does    string  // what it does with a request, for the table
	checks  bool    // it checks the signature of a GET
	body    bool    // and of a body
	tokens  bool    // it checks access tokens
	data    string  // folder of its decision record, in the site's; empty: it keeps none
	idle    float64 // share of a processor that it takes at rest, as last seen
	address string
	process *process
	start   func(s *site, port int) (*process, error)
}

// records reports whether it keeps a record, and so works on after its answers.
func (p *peer) records() bool { return p.data != "" }

// gateway is the peer of which countersign's goal is a half: a gateway in Go that only passes on.
const gateway = "caddy"

// yardstick is the peer to which the others are put in relation.
const yardstick = "haproxy-hmac"

// besideName is the peer that is started with -beside only.
const besideName = "countersign-b"

// all are the peers in the order of the tables.
func all() []*peer {
	return []*peer{
		{name: "nginx", program: "nginx", does: "passes on", start: nginxPlain},
		{name: "nginx-njs", program: "nginx", does: "HMAC of time, method and target in njs; no body", checks: true, start: nginxChecking},
		{name: "haproxy", program: "haproxy", does: "passes on", start: haproxyPlain},
		{name: yardstick, program: "haproxy", does: "HMAC with hmac(), time window, key id, address; no replay, record, limits", checks: true, body: true, start: haproxyChecking},
		{name: gateway, program: "caddy", does: "passes on", start: caddy},
		{name: "go-reverseproxy", does: "passes on (httputil.ReverseProxy)", start: reverseProxy},
		{name: "countersign", does: "everything: signature, window, network rule, replay, limits, record, metrics", checks: true, body: true, tokens: true, data: "data", start: countersign},
		{name: besideName, does: "the same, of another build", checks: true, body: true, tokens: true, data: "data-b", start: countersignBeside},
	}
}

// peers are those that can be started here, and the names of those that cannot.
func (s *site) peers(wanted *regexp.Regexp) (found []*peer, missing []string) {
	for _, p := range all() {
		if !wanted.MatchString(p.name) || p.name == besideName && s.beside == "" {
			continue
		}
		if p.program != "" {
			if _, err := exec.LookPath(p.program); err != nil {
				missing = append(missing, p.name)
				continue
			}
		}
		found = append(found, p)
	}
	return found, missing
}

// launch starts a peer and waits until it accepts.
func (s *site) launch(ctx context.Context, p *peer) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	p.address = fmt.Sprintf("127.0.0.1:%d", port)
	if p.process, err = p.start(s, port); err != nil {
		return err
	}
	return p.process.listening(ctx, p.address)
}

// write writes a configuration with the site's values in it.
func (s *site) write(name, format string, args ...any) (string, error) {
	path := s.path(name)
	return path, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600)
}

// credentials are the one partner's, in every peer that checks.
type credentials struct {
	keyID, secret                 string
	appKey, login, password, base string
}

// signature is what the partner sends for a request: HMAC-SHA256 over time, method, target and body (profile finci).
func (c credentials) signature(at time.Time, method, target string, body []byte) (stamp, signature string) {
	stamp = strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(c.secret))
	mac.Write([]byte(stamp + method + target))
	mac.Write(body)
	return stamp, hex.EncodeToString(mac.Sum(nil))
}

// prove asks a peer for one honest request and, if it checks, for forged ones: what lets a forged one in is not measured.
func (s *site) prove(p *peer) error {
	honest := &form{site: s, method: "GET", target: cardTarget}
	if err := s.expect(p, honest, nil, 200); err != nil {
		return err
	}
	if !p.checks {
		return nil
	}
	for _, spoil := range []spoiling{forged, strangerKey, oldTime} {
		if err := s.expect(p, &form{site: s, method: "GET", target: cardTarget, spoil: spoil}, nil, 401); err != nil {
			return fmt.Errorf("a request that is %s: %w", spoil, err)
		}
	}
	if !p.body {
		return nil
	}
	if err := s.expect(p, &form{site: s, method: "POST", target: cardTarget, size: 64 << 10}, nil, 200); err != nil {
		return err
	}
	return s.expect(p, &form{site: s, method: "POST", target: cardTarget, size: 1 << 10, spoil: otherBody}, nil, 401)
}

// expect sends one request and compares the status.
func (s *site) expect(p *peer, f *form, from net.Addr, want int) error {
	c, err := dial(p.address, s.trust, from)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.tls.Write(f.maker().next(nil)); err != nil {
		return err
	}
	var body bytes.Buffer
	status, err := c.answer(&body)
	if err == nil && status != want {
		err = fmt.Errorf("answered %d in place of %d: %.300s", status, want, body.String())
	}
	if err == nil && status == 200 && body.String() != answer {
		err = fmt.Errorf("answered with another body than the backend's: %.300q", body.String())
	}
	return err
}
