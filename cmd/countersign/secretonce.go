package main

import (
	"errors"
	"fmt"
	"os"
)

// handSecret hands over a secret that is no credential's: a token, a one-time link, a signing key, a code. With --secret-file it
// goes there, and view gets none; otherwise it is shown this once. Nothing is lost without a word: where it cannot be handed over,
// the error says what to do.
func (s *session) handSecret(h *handover, secret, said string, view func(secret string) any) error {
	if secret == "" { // a repetition, which shows nothing again
		h.drop()
		return s.out.show(view(""), "%s", said)
	}
	if h.file == nil {
		return s.out.show(view(secret), "%s\n  %s\nIt is shown this once. Hand it over on a way of its own.", said, secret)
	}
	_, err := h.file.WriteString(secret)
	if err = errors.Join(err, h.file.Sync(), h.file.Close()); err != nil {
		return hinted{errors.Join(fmt.Errorf("it was made, but could not be handed over: %w", err), os.Remove(h.path)), "nobody can show it again; make another"}
	}
	return s.out.show(view(""), "%s\nin %s", said, h.path)
}

// once opens the file for a secret, makes it and hands it over.
func (s *session) once(h *handover, make func() (secret, said string, view func(secret string) any, err error)) error {
	if err := h.open(); err != nil {
		return err
	}
	secret, said, view, err := make()
	if err != nil {
		h.drop()
		return err
	}
	return s.handSecret(h, secret, said, view)
}
