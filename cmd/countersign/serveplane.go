package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/tlsfile"
)

// planeOf is what a configuration says of the operators' plane; nil: this server has none. Of several servers on a data folder
// the one that serves every environment has it, or the one that is told to.
func (s *server) planeOf(cfg *config.Config) *planePrint {
	a := cfg.Admin
	if a == nil || s.served != nil && !s.admin {
		return nil
	}
	return newPlanePrint(planePrint{oidc: a.OIDC, passkeys: a.Passkeys, sessions: a.Sessions, webhooks: cfg.Webhooks,
		surfacePrint: surfacePrint{address: a.Listen, hint: s.surfaceHint("admin"), publicURL: a.PublicURL, tls: surfaceTLS(a.TLS)}})
}

// surfaceHint says what to do where the address of a listener for people cannot be taken.
func (s *server) surfaceHint(key string) string {
	return "choose a free address for " + key + ".listen in " + s.file + "; TLS at the same address changes with a restart"
}

// surfaceTLS is the policy of such a listener; nil: there is none.
func surfaceTLS(t *config.AdminTLS) *tlsPrint {
	if t == nil {
		return nil
	}
	return &tlsPrint{files: []tlsfile.Pair{{Certificate: t.Certificate, Key: t.Key}},
		minVersion: map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[t.MinVersion]}
}

// maxBook bounds a book that is handed out whole: years of checkpoints every minute.
const maxBook = 512 << 20

// bookOf reads the signed book of a record, as it is verified offline.
func (s *server) bookOf(record string) ([]byte, error) {
	dir := s.cfg.Records.Checkpoints.Dir // never changes while the server runs
	switch record {
	case checkpoint.Changes:
	case checkpoint.Decisions:
		dir = s.decisionBook(dir)
	default:
		return nil, fmt.Errorf("there is no book of %q", record)
	}
	f, err := os.Open(filepath.Join(dir, checkpoint.FileName(record)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBook+1))
	if err == nil && len(text) > maxBook {
		err = errors.New("the book of checkpoints is too long to be handed out whole")
	}
	return text, err
}
