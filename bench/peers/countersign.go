//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The targets of the two protocols.
const (
	cardTarget  = "/api/v1/cards/4711?expand=limits&limit=20"
	tokenTarget = "/aggregation/v2/accounts/4711?expand=limits"
	tokenIssue  = "/aggregation/v2/partners/authentication"
)

const countersignConf = `data: %[1]s/data
keys: {file: %[1]s/data/master.key}
ops: {listen: "127.0.0.1:0"}
records:
  decisions: {when_full: refuse}
environments:
  sandbox:
    captures: {enabled: false}
    listeners:
      - address: "127.0.0.1:%[2]d"
        tls: {certificate: %[1]s/cert.pem, key: %[1]s/key.pem}
        max_connections: 20000
        max_per_peer: 20000
        standard: %[5]t
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        addresses: required
        limits: {per_partner: {rate: 1000000/s, burst: 1000000}, per_credential: {rate: 1000000/s, burst: 1000000}}
        upstream: {url: "http://%[3]s"}
      aggregation:
        token: {endpoint: %[4]s}
        base_paths: [/aggregation]
        limits: {per_partner: {rate: 1000000/s, burst: 1000000}}
        upstream: {url: "http://%[3]s"}
`

// register makes a data folder with one approved partner, as dev does, and keeps the partner's credentials.
func (s *site) register(ctx context.Context) error {
	file := s.path("ready.json")
	p, err := s.start("dev", nil, s.binary, "dev", "--data", s.path("data"), "--ready-file", file,
		"--listen-sandbox", "127.0.0.1:0", "--listen-production", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer p.stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		text, err := os.ReadFile(file)
		if err == nil {
			p.stop()
			return errors.Join(s.credentials(text), s.narrow(ctx))
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("dev ended: %v\n%.3000s", p.cmd.ProcessState, text)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *site) credentials(ready []byte) error {
	var r struct {
		Environments map[string]struct {
			Card struct {
				Token  string `json:"api_token"`
				Secret string `json:"api_secret"`
			} `json:"card"`
			Aggregation struct {
				AppKey  string `json:"app_key"`
				Partner string `json:"partner_id"`
				Secret  string `json:"partner_secret"`
			} `json:"aggregation"`
		} `json:"environments"`
	}
	if err := json.Unmarshal(ready, &r); err != nil {
		return err
	}
	e := r.Environments["sandbox"]
	s.given = credentials{keyID: e.Card.Token, secret: e.Card.Secret, appKey: e.Aggregation.AppKey, login: e.Aggregation.Partner, password: e.Aggregation.Secret}
	if s.given.keyID == "" || s.given.secret == "" || s.given.appKey == "" {
		return errors.New("dev did not say its credentials")
	}
	return nil
}

// narrow replaces the partner's networks, which are all of loopback, by one address: from any other one a request is refused.
func (s *site) narrow(ctx context.Context) error {
	data := s.path("data")
	out, err := exec.CommandContext(ctx, s.binary, "network", "list", "--data", data, "-o", "json").Output()
	if err != nil {
		return fmt.Errorf("list the networks: %w", err)
	}
	var rules []struct {
		ID      string `json:"id"`
		Partner string `json:"partner_id"`
	}
	if err := json.Unmarshal(out, &rules); err != nil || len(rules) == 0 {
		return fmt.Errorf("networks %.300s: %w", out, err)
	}
	commands := [][]string{{"network", "allow", rules[0].Partner, "-e", "sandbox", "127.0.0.1/32", "--data", data}}
	for _, rule := range rules {
		commands = append(commands, []string{"network", "remove", rule.ID, "--data", data})
	}
	for _, args := range commands {
		if out, err := exec.CommandContext(ctx, s.binary, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return nil
}

// countersign is the server as it is shipped.
func countersign(s *site, port int) (*process, error) {
	conf, err := s.write("countersign.yaml", countersignConf, s.dir, port, s.backend, tokenIssue, s.standard)
	if err != nil {
		return nil, err
	}
	return s.start("countersign", nil, s.binary, "serve", "--config", filepath.Clean(conf))
}
