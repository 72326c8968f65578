package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
	edgedoor "countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/forwardauth"
	"countersign.dev/internal/tlsfile"
)

// Bounds of the secret of a door.
const (
	leastDoorSecret = 16
	mostDoorSecret  = 256
)

// doorwayOf is what a configuration says of a door; its secret is read here, and again at a reload.
func doorwayOf(e *config.Environment, i int) (doorwayPrint, error) {
	p := doorwayPrint{key: "door " + doorKey(e.Name+" doors", i, e.Doors[i].Address), setting: e.Doors[i]}
	if p.setting.SecretFile == "" {
		return p, nil
	}
	text, err := readPrivate(p.setting.SecretFile)
	if err != nil {
		return p, fmt.Errorf("the secret of a door: %w", err)
	}
	p.secret = []byte(strings.TrimSuffix(string(text), "\n"))
	if len(p.secret) < leastDoorSecret || len(p.secret) > mostDoorSecret || strings.ContainsFunc(string(p.secret), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return p, fmt.Errorf("%s: a secret of a door is one line of %d to %d visible characters", p.setting.SecretFile, leastDoorSecret, mostDoorSecret)
	}
	return p, nil
}

// buildDoorways makes the doors of an environment. It opens files, but no listener.
func (a *assembly) buildDoorways(g *generation, w *worldPrint) error {
	for i := range w.doorways {
		p := &passage{share: share{generation: g, level: a.metrics.Running(w.environment)}, print: &w.doorways[i], world: w}
		if err := a.buildPassage(p); err != nil {
			return fmt.Errorf("door %s: %w", p.print.setting.Address, err)
		}
		g.passages[p.print.key] = p
	}
	return nil
}

func (a *assembly) buildPassage(p *passage) (err error) {
	if err = a.passagePolicy(p); err != nil {
		return err
	}
	if p.door, err = a.doorFor(p); err != nil {
		return err
	}
	setting := &p.print.setting
	if setting.Kind != config.DoorForwardAuth {
		return a.buildExtAuthz(p)
	}
	kind, ok := forwardauth.ParseKind(setting.Asks())
	if !ok {
		return errors.New("no such kind of proxy")
	}
	p.handler, err = forwardauth.New(forwardauth.Config{Door: p.door, Kind: kind, Proxies: setting.Proxies, Socket: isSocket(setting.Address), Secret: p.print.secret,
		WholeBody: setting.WholeBody, MaxBody: setting.MaxBody, Bodies: a.bodies, BodyTimeout: p.world.bodyTimeout})
	return err
}

// doorFor is what decides at a door: what the environment's gateway is made of, but for its upstreams.
func (a *assembly) doorFor(p *passage) (*edgedoor.Door, error) {
	address, err := clientip.New(p.world.address)
	if err != nil {
		return nil, err
	}
	cfg := edgedoor.Config{Environment: p.world.environment, Kind: p.print.setting.Asks(), Hosts: p.world.hosts, Decider: p.generation.decider, APIs: p.world.accessAPIs(),
		Address: address, Exchange: a.exchange, Record: a.records, Admit: a.records.writer.Admit, Now: a.now}
	if a.tracer != nil {
		cfg.Trace = a.tracer
	}
	return edgedoor.New(cfg)
}

// accessAPIs are the APIs of an environment.
func (w *worldPrint) accessAPIs() []*access.API {
	var all []*access.API
	for _, one := range w.apis {
		all = append(all, one.api)
	}
	return all
}

// passagePolicy makes the TLS policy of a door; proxies have to show certificates where authorities are named.
func (a *assembly) passagePolicy(p *passage) (err error) {
	t := p.print.setting.TLS
	if t == nil {
		return nil
	}
	p.files, err = a.keepers.tlsFiles(p.print.tlsFiles(), p.print.setting.ClientCAFile)
	if err != nil {
		return err
	}
	p.policy = &tls.Config{MinVersion: map[string]uint16{"1.3": tls.VersionTLS13}[t.MinVersion], NextProtos: []string{"http/1.1"}, GetCertificate: p.files.Certificate}
	p.policy.MinVersion = max(p.policy.MinVersion, tls.VersionTLS12)
	if p.print.setting.Kind == config.DoorExtAuthz {
		p.policy.NextProtos = []string{"h2"}
	}
	if p.print.setting.ClientCAFile != "" {
		p.policy.ClientAuth, p.policy.SessionTicketsDisabled = tls.RequireAndVerifyClientCert, true
	}
	return nil
}

// tlsFiles are the files of a door's certificate.
func (p *doorwayPrint) tlsFiles() []tlsfile.Pair {
	if p.setting.TLS == nil {
		return nil
	}
	return []tlsfile.Pair{{Certificate: p.setting.TLS.Certificate, Key: p.setting.TLS.Key}}
}

// openDoorways takes the addresses that g has and the assembly has not. Nothing is accepted on them yet.
func (a *assembly) openDoorways(g *generation) (map[string]*doorway, error) {
	opened := map[string]*doorway{}
	for key, p := range g.passages {
		if f := a.doorways[key]; f != nil {
			if !f.now.Load().print.same(p.print) {
				return opened, hinted{fmt.Errorf("door %s: its protocol, its server, whether it has TLS, and its bounds cannot change while it is open", p.print.setting.Address), "restart the server for them, or leave them as they are"}
			}
			continue
		}
		f, err := a.openDoorway(p)
		if err != nil {
			return opened, err
		}
		opened[key] = f
	}
	return opened, nil
}

func (a *assembly) openDoorway(p *passage) (*doorway, error) {
	listener, err := listenDoor(p.print.setting.Address)
	if err != nil {
		return nil, hinted{fmt.Errorf("listen for proxies of %s: %w", p.world.environment, err), "choose a free address, or see who listens there"}
	}
	f := &doorway{a: a, name: p.world.environment + "'s door for " + p.print.setting.Asks(), listener: listener}
	f.now.Store(p)
	if err := f.makeServer(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return f, nil
}

// isSocket reports whether the address of a door is a socket's.
func isSocket(address string) bool { return strings.HasPrefix(address, "unix:") }

// listenDoor listens on a port, or on a socket that the group of the server may open too. A socket that a former server has left
// behind is taken away; one that somebody answers on is not.
func listenDoor(address string) (net.Listener, error) {
	path, socket := strings.CutPrefix(address, "unix:")
	if !socket {
		return net.Listen(networkOf(address), address)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("%s: somebody listens there", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}
