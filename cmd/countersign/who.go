package main

import (
	"errors"
	"fmt"
	"strings"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// maxCandidates is how many partners a message lists.
const maxCandidates = 10

// whoHelp says in every command how a partner is named.
const whoHelp = `PARTNER is its id in our records (ptn_...), its exact name, or the key id, login or id of one of its credentials.`

// partner finds the partner that who names. Where several have the name, the message lists them; where none has, it names
// one that is spelt alike.
func (s *session) partner(who string) (partner.Partner, error) {
	p, err := s.FindPartner(s.ctx, who)
	switch {
	case err == nil:
		return p, nil
	case !errors.Is(err, registry.ErrAmbiguous) && !errors.Is(err, registry.ErrNotFound):
		return partner.Partner{}, err
	}
	all, listErr := s.Partners(s.ctx)
	if listErr != nil {
		return partner.Partner{}, errors.Join(err, listErr)
	}
	if errors.Is(err, registry.ErrAmbiguous) {
		return partner.Partner{}, hinted{fmt.Errorf("%q: %w", who, registry.ErrAmbiguous), "name one by its id: " + candidates(all, who)}
	}
	return partner.Partner{}, hinted{fmt.Errorf("partner %q: %w", who, registry.ErrNotFound), suggestPartner(all, who)}
}

func candidates(all []partner.Partner, name string) string {
	var found []string
	for _, p := range all {
		if p.Name != name {
			continue
		}
		if len(found) == maxCandidates {
			found = append(found, "...")
			break
		}
		state := ""
		if p.Closed {
			state = ", closed"
		}
		found = append(found, fmt.Sprintf("%s (since %s%s)", p.ID, p.CreatedAt.UTC().Format("2006-01-02"), state))
	}
	return strings.Join(found, ", ")
}

func suggestPartner(all []partner.Partner, who string) string {
	var names []string
	for _, p := range all {
		if strings.EqualFold(p.Name, who) {
			return fmt.Sprintf("did you mean %q?", p.Name)
		}
		names = append(names, p.Name)
	}
	if hint := scheme.Nearest(who, names); hint != "" {
		return hint
	}
	return "countersign partner list shows all; the decision lines name partner and credential of every refused call"
}

// credential finds one by its id, its key id or its login, with its partner.
func (s *session) credential(who string) (partner.Credential, partner.Partner, error) {
	p, err := s.FindPartner(s.ctx, who)
	if err != nil && !errors.Is(err, registry.ErrNotFound) && !errors.Is(err, registry.ErrAmbiguous) {
		return partner.Credential{}, p, err
	}
	if err == nil {
		credentials, err := s.Credentials(s.ctx, p.ID)
		if err != nil {
			return partner.Credential{}, p, err
		}
		for _, c := range credentials {
			if named(c, who) {
				return c, p, nil
			}
		}
	}
	return partner.Credential{}, p, hinted{fmt.Errorf("credential %q: %w", who, registry.ErrNotFound),
		"name it by its id (crd_...), key id or login; countersign credential list shows them"}
}

func named(c partner.Credential, who string) bool {
	return who != "" && (who == c.ID || who == c.KeyID || who == c.Login)
}

// environment takes the --environment of a command.
func environmentFlag(c *cobra.Command, into *string, required bool) {
	c.Flags().StringVarP(into, "environment", "e", "", "`NAME` of the environment")
	if required {
		_ = c.MarkFlagRequired("environment")
	}
}

// reasonFlag takes the --reason of a command.
func reasonFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "reason", "", "`TEXT` for the record: why, on one line")
}
