package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"countersign.dev/internal/edge/ops"
	"countersign.dev/internal/tlsfile"
)

// check is one thing that /readyz tells about.
type check struct {
	name    string
	matters bool
	ask     func() error
}

// expect adds a check.
func (a *assembly) expect(name string, matters bool, ask func() error) {
	a.checks = append(a.checks, check{name, matters, ask})
}

// standing are the checks that every server has.
func (a *assembly) standing() {
	a.expect("draining", true, func() error {
		if a.draining.Load() {
			return errors.New("a stop was asked for")
		}
		return nil
	})
	a.expect("listeners", true, func() error {
		if a.current.Load() == nil {
			return errors.New("the server is starting")
		}
		return nil
	})
	a.expect("register", true, a.registerTrouble)
	a.expect("snapshot", true, a.follower.Young)
	a.expect("records", true, a.records.healthy)
	a.expect("replay", a.replay.shared == nil, a.replay.healthy) // what all nodes share must not take all of them out of service
	a.expect("quotas", false, a.limiter.Ready)
	a.expect("disk", true, (&diskProbe{dir: a.dir}).trouble)
	a.expect("certificates", true, a.certificatesInTime)
	a.expect("admin_certificate", false, a.planeCertificate)
	a.expect("certificate_files", false, a.certificateFiles)
	a.expect("country_file", false, a.keepers.countryProblem)
}

// certificatesInTime fails where a certificate that is in force is past its end: callers cannot connect.
func (a *assembly) certificatesInTime() error {
	g := a.current.Load()
	if g == nil {
		return nil
	}
	var failures []error
	for _, d := range g.doors {
		failures = append(failures, a.inTime(d.files))
	}
	for _, p := range g.passages {
		failures = append(failures, a.inTime(p.files))
	}
	return errors.Join(failures...)
}

// planeCertificate fails where that of the operators' plane or of the partners' portal is past its end: people cannot connect,
// callers can.
func (a *assembly) planeCertificate() error {
	g := a.current.Load()
	if g == nil {
		return nil
	}
	var failures []error
	for _, one := range g.surfaces {
		failures = append(failures, a.inTime(one.files))
	}
	return errors.Join(failures...)
}

// inTime fails where a certificate of files is past its end; nil has none.
func (a *assembly) inTime(files *tlsfile.Files) error {
	if files == nil {
		return nil
	}
	now := a.now()
	for _, s := range files.Status() {
		if !s.Clients && now.After(s.NotAfter) {
			return fmt.Errorf("%s expired at %s", s.Name, s.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// certificateFiles fails where what stands in a file is not what is in force.
func (a *assembly) certificateFiles() error {
	for _, s := range a.keepers.certificates() {
		if s.Problem != nil {
			return s.Problem
		}
	}
	return nil
}

// readiness asks every check.
func (a *assembly) readiness() []ops.Check {
	all := make([]ops.Check, len(a.checks))
	for i, c := range a.checks {
		all[i] = ops.Check{Name: c.name, Matters: c.matters, Cause: c.ask()}
	}
	return all
}

// listenOps opens the operators' listener. Everything that is checked must have been opened before.
func (a *assembly) listenOps(addr, hint string) error {
	a.standing()
	err := errors.Join(
		a.metrics.Gauges("countersign_certificate_expires_seconds", "Unix time at which a certificate that is in force ends, by file.", "file",
			func(yield func(string, float64)) {
				for _, s := range a.keepers.certificates() {
					yield(s.Name, float64(s.NotAfter.Unix()))
				}
			}),
		a.metrics.Gauges("countersign_build_info", "1, with the version that runs.", "version", func(yield func(string, float64)) { yield(version(), 1) }),
	)
	if err != nil {
		return err
	}
	server, err := ops.NewServer(a.metrics, a.readiness)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return hinted{fmt.Errorf("listen for operations: %w", err), hint}
	}
	server.ErrorLog = a.serverLog()
	a.ops = serveOn("operations", server, listener, a.failed)
	return nil
}

// opsURL is empty where there is no such listener.
func (a *assembly) opsURL() string {
	if a.ops == nil {
		return ""
	}
	return "http://" + a.ops.addr.String()
}

// servedState is what a server says of one environment in its data folder.
type servedState struct {
	PID         int    `json:"pid"`
	Environment string `json:"environment"`
	Revision    uint64 `json:"revision"`
	At          string `json:"at"`
	Ops         string `json:"ops"`
	Admin       string `json:"admin"`  // where the operators' plane is; empty: this server has none
	Portal      string `json:"portal"` // where the partners' portal is; empty: this server has none

	Listeners []string `json:"listeners"` // addresses that are served
}

func (s servedState) self() servedState {
	s.PID, s.At = os.Getpid(), clock().UTC().Format(time.RFC3339Nano)
	return s
}
