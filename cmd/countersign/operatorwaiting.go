package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/remote"
)

// waits notes a change that waits for another person, so that a command with several goes on with the next; any other error, and
// none, is not its business.
func (s *session) waits(err error) bool {
	var waiting *remote.Waiting
	if !errors.As(err, &waiting) {
		return false
	}
	s.waiting = append(s.waiting, waiting)
	return true
}

// showWaiting says what waits, after everything else. As JSON it is the proposal, or all of them where a command made several.
func (s *session) showWaiting(err error) error {
	if s.waits(err) {
		err = nil
	}
	if err != nil || len(s.waiting) == 0 {
		return err
	}
	if s.out.json {
		var value any = s.waiting[0].Proposal
		if len(s.waiting) > 1 {
			value = views(s.waiting, func(w *remote.Waiting) api.Proposal { return w.Proposal })
		}
		return errors.Join(s.out.encode(value), errWaits)
	}
	var b strings.Builder
	for _, w := range s.waiting {
		fmt.Fprintf(&b, "waits for approval: %s; another operator: countersign proposal approve %s\n", w.Proposal.ID, w.Proposal.ID)
		if w.Proposal.Warning != "" {
			fmt.Fprintf(&b, "  %s\n", safeText([]byte(w.Proposal.Warning)))
		}
	}
	_, err = io.WriteString(s.out.out, b.String())
	return errors.Join(err, errWaits)
}
