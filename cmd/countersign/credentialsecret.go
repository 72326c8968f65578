package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"github.com/spf13/cobra"
)

// handover is where a secret that is about to be made goes: to standard output, or into a file that is made before anything
// is issued, so that no secret is lost because its file could not be made.
type handover struct {
	path string
	file *os.File
}

func (h *handover) flag(c *cobra.Command) {
	c.Flags().StringVar(&h.path, "secret-file", "", "new `FILE` (mode 0600) for the secret, instead of showing it")
	_ = c.MarkFlagFilename("secret-file")
}

// open makes the file, which must not be there, also not as a symbolic link (security rule 39).
func (h *handover) open() error {
	if h.path == "" {
		return nil
	}
	var err error
	h.file, err = os.OpenFile(h.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return hinted{fmt.Errorf("make the secret's file: %w", err), "name a file that is not there yet; nothing was changed"}
	}
	return nil
}

// drop takes the file away again: nothing was issued.
func (h *handover) drop() {
	if h.file != nil {
		_ = h.file.Close()
		_ = os.Remove(h.path)
	}
}

// issuedView is a new secret's credential. The secret itself is no part of it: it is written as bytes and wiped.
type issuedView struct {
	CredentialID string    `json:"credential_id"`
	PartnerID    string    `json:"partner_id"`
	Environment  string    `json:"environment"`
	Kind         string    `json:"kind"`
	KeyID        string    `json:"key_id"`
	Login        string    `json:"login,omitempty"`
	Version      int       `json:"version"`
	OlderUntil   time.Time `json:"older_until,omitzero"` // the last moment of the versions before
	SecretFile   string    `json:"secret_file,omitempty"`
}

// issue makes a secret and hands it over, once. The secret is wiped afterwards, whatever happens.
func (s *session) issue(h *handover, olderUntil time.Time, make func() (registry.Issued, error)) error {
	if err := h.open(); err != nil {
		return err
	}
	issued, err := make()
	if err != nil {
		h.drop()
		return err
	}
	return s.handOver(h, issued, olderUntil)
}

// handOver hands over what was just made, into the file that was opened for it or to standard output, and wipes it.
func (s *session) handOver(h *handover, issued registry.Issued, olderUntil time.Time) error {
	defer issued.Secret.Zero()
	if err := s.hand(h, issued, olderUntil); err != nil {
		return hinted{fmt.Errorf("the secret of %s was made, but could not be handed over: %w", issued.Credential.ID, err),
			"nobody can show it again; make another with countersign credential rotate"}
	}
	return nil
}

func (s *session) hand(h *handover, issued registry.Issued, olderUntil time.Time) error {
	c := issued.Credential
	view := issuedView{CredentialID: c.ID, PartnerID: c.PartnerID, Environment: c.Environment, Kind: string(c.Kind), KeyID: issued.KeyID,
		Login: issued.Login, Version: issued.Version, OlderUntil: olderUntil, SecretFile: h.path}
	if h.file != nil {
		_, err := h.file.Write(issued.Secret.Bytes())
		if err = errors.Join(err, h.file.Sync(), h.file.Close()); err != nil {
			return errors.Join(err, os.Remove(h.path)) // a part of a secret is of use to nobody honest
		}
	}
	if s.out.json {
		return s.handJSON(h, view, issued.Secret.Bytes())
	}
	return s.handText(h, view, issued.Secret.Bytes())
}

// handJSON appends the secret to the object as bytes: an encoder would keep copies. Secrets that we make consist of letters,
// digits, - and _ and need no escape.
func (s *session) handJSON(h *handover, view issuedView, secret []byte) error {
	text, err := json.Marshal(view)
	if err != nil {
		return err
	}
	line := make([]byte, 0, len(text)+len(secret)+32)
	defer func() { clear(line[:cap(line)]) }()
	line = append(line, text...)
	if h.path == "" {
		line = append(line[:len(line)-1], `,"secret":"`...)
		line = append(append(line, secret...), `"}`...)
	}
	line = append(line, '\n')
	_, err = s.out.out.Write(line)
	return err
}

func (s *session) handText(h *handover, view issuedView, secret []byte) error {
	b := make([]byte, 0, 4096) // in one piece, so that wiping it wipes every copy
	defer func() { clear(b[:cap(b)]) }()
	key, value := "API token", "API secret"
	if view.Kind == string(partner.App) {
		key, value = "app key", "partner secret"
	}
	b = fmt.Appendf(b, "%-19s  %s, version %d, %s\n%-19s  %s\n", "credential", view.CredentialID, view.Version, view.Environment, key, view.KeyID)
	if view.Login != "" {
		b = fmt.Appendf(b, "%-19s  %s\n", "partner id (login)", view.Login)
	}
	if !view.OlderUntil.IsZero() {
		b = fmt.Appendf(b, "%-19s  %s\n", "older secrets until", when(view.OlderUntil))
	}
	b = fmt.Appendf(b, "%-19s  ", value)
	if h.path != "" {
		b = fmt.Appendf(b, "in %s\n", h.path)
	} else {
		b = append(append(b, secret...), "\nThe secret is shown this once. Hand it over on a way of its own.\n"...)
	}
	_, err := s.out.out.Write(b)
	return err
}
