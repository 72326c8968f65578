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

// segmentSize is that of the decision record's files here: so small that every workload closes many of them, and pays for their compression itself. The
// default, 256 MiB, would leave it to whichever workload comes after.
const segmentSize = "4MiB"

const countersignConf = `data: %[6]s
keys: {file: %[6]s/master.key}
ops: {listen: "127.0.0.1:0"}
records:
  decisions: {when_full: refuse, segment_size: %[7]s}
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
	return s.serve("countersign", s.binary, s.path("data"), port)
}

// countersignBeside is another build of it, with a copy of the folder as it was before anybody served from it. Both know the same partner.
func countersignBeside(s *site, port int) (*process, error) {
	return s.serve(besideName, s.beside, s.path("data-b"), port)
}

func (s *site) serve(name, binary, data string, port int) (*process, error) {
	conf, err := s.write(name+".yaml", countersignConf, s.dir, port, s.backend, tokenIssue, s.standard, data, segmentSize)
	if err != nil {
		return nil, err
	}
	return s.start(name, nil, binary, "serve", "--config", conf)
}

// copyData makes the folder of the second build. The rights of its files count, so cp does it.
func (s *site) copyData(ctx context.Context) error {
	if s.beside == "" {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", s.path("data"), s.path("data-b")).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the data: %w\n%s", err, out)
	}
	return nil
}

// segments counts the closed files of a peer's decision record, compressed or not yet; a peer without a record has none.
func (s *site) segments(p *peer) (compressed, plain int) {
	if p.data == "" {
		return 0, 0
	}
	dir := filepath.Join(s.dir, p.data, "decisions")
	packed, _ := filepath.Glob(filepath.Join(dir, "[0-9]*.jsonl.gz"))
	open, _ := filepath.Glob(filepath.Join(dir, "[0-9]*.jsonl"))
	return len(packed), len(open)
}
