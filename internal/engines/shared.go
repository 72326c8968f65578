package engines

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"countersign.dev/internal/config"
	limits "countersign.dev/internal/rate/valkey"
	replays "countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

// maxPEM bounds a file of certificates, in bytes.
const maxPEM = 1 << 20

// Shared is what nodes share on a Valkey or Redis server: one link, and the engines that the configuration keeps there. Close ends all of
// it. Safe for concurrent use.
type Shared struct {
	Link    *valkeylink.Link
	Guard   *replays.Guard  // nil: replay has another engine
	Limiter *limits.Limiter // nil: limits have another engine
}

// SharedConfig is what OpenShared needs. All of it must be set.
type SharedConfig struct {
	Config *config.Config
	Now    func() time.Time
	Log    *slog.Logger // hears when the servers go away and come back
}

// OpenShared opens what a configuration keeps on the server of its section valkey; nil where it keeps nothing there. A server that is
// away is no error: what needs it is refused, or allowed where the configuration says so, until it answers. What does not get better by
// waiting is one: a server that may evict keys, a refused password, an unreadable file.
func OpenShared(cfg SharedConfig) (*Shared, error) {
	c := cfg.Config
	if !c.UsesValkey() {
		return nil, nil
	}
	link, err := openLink(cfg)
	if err != nil {
		return nil, err
	}
	s := &Shared{Link: link}
	if c.Replay.Engine == config.EngineValkey {
		s.Guard, err = replays.Open(replays.Config{Link: link, Prefix: c.Valkey.Prefix, MaxDrift: c.Replay.MaxDrift, WaitReplicas: c.Replay.WaitReplicas,
			WhenUnreachable: map[string]replays.WhenUnreachable{"allow": replays.Allow}[c.Replay.Unreachable]})
		if err != nil {
			return nil, errors.Join(err, link.Close())
		}
	}
	if c.Limits.Engine == config.EngineValkey {
		s.Limiter, err = limits.Open(limits.Config{Link: link, Prefix: c.Valkey.Prefix,
			WhenUnreachable: map[string]limits.WhenUnreachable{"allow": limits.Allow}[c.Limits.Unreachable]})
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close ends the engines, and the link behind them.
func (s *Shared) Close() error {
	var failures []error
	if s.Limiter != nil {
		failures = append(failures, s.Limiter.Close())
	}
	if s.Guard != nil {
		failures = append(failures, s.Guard.Close())
	}
	return errors.Join(append(failures, s.Link.Close())...)
}

func openLink(cfg SharedConfig) (*valkeylink.Link, error) {
	v := cfg.Config.Valkey
	proof, err := tlsOf(v.TLS)
	if err != nil {
		return nil, err
	}
	mode := map[string]valkeylink.Mode{"single": valkeylink.Single, "sentinel": valkeylink.Sentinel, "cluster": valkeylink.Cluster}[v.Mode]
	return valkeylink.Open(valkeylink.Config{Addresses: v.Addresses, Mode: mode, Master: v.Master, Username: v.Username, PasswordFile: v.PasswordFile,
		TLS: proof, Plain: v.Plain, Timeout: v.Timeout, Now: cfg.Now, Log: cfg.Log})
}

// tlsOf reads the files of the section tls; nil for none.
func tlsOf(t *config.ValkeyTLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	made := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		text, err := readBounded(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read valkey.tls.ca_file: %w", err)
		}
		made.RootCAs = x509.NewCertPool()
		if !made.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read valkey.tls.ca_file: %s holds no certificate", t.CAFile)
		}
	}
	if t.CertFile == "" {
		return made, nil
	}
	if info, err := os.Stat(t.KeyFile); err == nil && info.Mode().Perm()&0o027 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("read valkey.tls.key_file: %s holds a secret but has mode %04o; run: chmod 600 %s", t.KeyFile, info.Mode().Perm(), t.KeyFile)
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read valkey.tls.cert_file: %w", err)
	}
	made.Certificates = []tls.Certificate{pair}
	return made, nil
}

// readBounded reads a small plain file.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path) // before the opening: to open a pipe would wait for its other end
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPEM {
		return nil, fmt.Errorf("%s is no plain file of at most %d bytes", path, maxPEM)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPEM))
}

// Warnings is what should be mended about the servers, for people, each once. Empty where nothing is known yet.
func (s *Shared) Warnings() (warnings []string) {
	if s.Guard != nil {
		warnings = s.Guard.Warnings()
	}
	if s.Limiter != nil {
		for _, text := range s.Limiter.Warnings() {
			if !slices.Contains(warnings, text) {
				warnings = append(warnings, text)
			}
		}
	}
	return warnings
}
