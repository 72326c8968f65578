package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// devEnvironments are the environments of `countersign dev`, in the order in which they are shown.
var devEnvironments = []string{"sandbox", "production"}

// The actors of `countersign dev`: a review is never approved by the one who asked for it, here neither.
var (
	devRequester = registry.Actor{Kind: registry.System, Name: "dev"}
	devApprover  = registry.Actor{Kind: registry.Operator, Name: "dev"}
)

// devState is what only `countersign dev` keeps: the secrets that it issued, in clear, in one 0600 file. Everywhere else a
// secret is shown once and then sealed or hashed.
type devState struct {
	PartnerID    string                     `json:"partner_id"`
	Environments map[string]*devCredentials `json:"environments"`
	Service      devService                 `json:"service"` // for programs on the admin API

	path string
	log  *slog.Logger
}

type devCredentials struct {
	App     devSecret `json:"app"`
	Signing devSecret `json:"signing_key"`
}

type devSecret struct {
	CredentialID string `json:"credential_id"`
	KeyID        string `json:"key_id"`
	Login        string `json:"login,omitempty"`
	Secret       string `json:"secret"` // empty: the partner chose its own, and we do not know it
}

// openDevState reads the folder's state; a folder without one has an empty state.
func openDevState(dir string, log *slog.Logger) (*devState, error) {
	s := &devState{Environments: map[string]*devCredentials{}, path: filepath.Join(dir, "dev.json"), log: log}
	text, err := readPrivate(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the credentials of dev: %w", err)
	}
	if err := json.Unmarshal(text, s); err != nil || s.Environments == nil {
		return nil, hinted{fmt.Errorf("%s is damaged", s.path), "remove it to have new credentials issued, or start with another --data folder"}
	}
	return s, nil
}

func (s *devState) save() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(s.path, append(text, '\n')); err != nil {
		return fmt.Errorf("keep the credentials of dev: %w", err)
	}
	return nil
}

// provision brings the register to where dev needs it: one approved partner with both credentials in both environments and
// loopback on its lists. What is there already is left as it is, so that a second start keeps every credential.
func (s *devState) provision(ctx context.Context, r *registry.Registry, networks []netip.Prefix) error {
	roster, err := r.Roster(ctx)
	if err != nil {
		return fmt.Errorf("read the register: %w", err)
	}
	defer roster.Wipe()
	if !slices.ContainsFunc(roster.Partners, func(p partner.Partner) bool { return p.ID == s.PartnerID }) {
		p, err := r.CreatePartner(ctx, devRequester, "Demo Partner")
		if err != nil {
			return fmt.Errorf("create the demo partner: %w", err)
		}
		s.PartnerID, s.Environments = p.ID, map[string]*devCredentials{}
		if err := s.save(); err != nil {
			return err
		}
	}
	if err := s.revokeOrphans(ctx, r, roster); err != nil {
		return err
	}
	for _, environment := range devEnvironments {
		if err := s.provisionEnvironment(ctx, r, roster, environment, networks); err != nil {
			return fmt.Errorf("prepare %s: %w", environment, err)
		}
	}
	return s.save()
}

// revokeOrphans ends the demo partner's credentials that nobody knows: a run that was killed between issuing one and writing
// it down left it alive.
func (s *devState) revokeOrphans(ctx context.Context, r *registry.Registry, roster *partner.Roster) error {
	for _, c := range roster.Credentials {
		if c.PartnerID != s.PartnerID || !c.RevokedAt.IsZero() || s.knows(c.ID) {
			continue
		}
		if err := r.RevokeCredential(ctx, devRequester, c.ID, "countersign dev does not know its secret"); err != nil {
			return fmt.Errorf("revoke what a former run left behind: %w", err)
		}
		s.log.Warn("a credential of the demo partner that dev.json does not know was revoked", "credential", c.ID, "environment", c.Environment)
	}
	return nil
}

func (s *devState) knows(credentialID string) bool {
	for _, c := range s.Environments {
		if c != nil && (c.App.CredentialID == credentialID || c.Signing.CredentialID == credentialID) {
			return true
		}
	}
	return false
}

func (s *devState) provisionEnvironment(ctx context.Context, r *registry.Registry, roster *partner.Roster, environment string, networks []netip.Prefix) error {
	if err := r.EnsureSealingKey(ctx, devRequester, environment); err != nil {
		return err
	}
	if err := s.approve(ctx, r, roster, environment); err != nil {
		return err
	}
	if err := s.allowNetworks(ctx, r, roster, environment, networks); err != nil {
		return err
	}
	if s.Environments[environment] == nil {
		s.Environments[environment] = &devCredentials{}
	}
	c := s.Environments[environment]
	if err := s.keep(ctx, roster, &c.App, environment, r.IssueApp); err != nil {
		return err
	}
	return s.keep(ctx, roster, &c.Signing, environment, r.IssueSigningKey)
}

// approve takes the demo partner through its review, from wherever it stands. A suspension or a closed review stays.
func (s *devState) approve(ctx context.Context, r *registry.Registry, roster *partner.Roster, environment string) error {
	i := slices.IndexFunc(roster.Reviews, func(v partner.Review) bool { return v.PartnerID == s.PartnerID && v.Environment == environment })
	if i < 0 {
		if err := r.RequestReview(ctx, devRequester, s.PartnerID, environment, "countersign dev"); err != nil {
			return err
		}
	} else if roster.Reviews[i].State != partner.ReviewRequested {
		return nil
	}
	return r.Approve(ctx, devApprover, s.PartnerID, environment, "countersign dev")
}

// devNote marks the network rules that dev made, so that it can take them away again.
const devNote = "countersign dev"

// allowNetworks adds the prefixes that the demo partner does not have yet, and takes away those that a former run was asked for
// and this one is not.
func (s *devState) allowNetworks(ctx context.Context, r *registry.Registry, roster *partner.Roster, environment string, networks []netip.Prefix) error {
	for _, n := range roster.Networks {
		if n.PartnerID == s.PartnerID && n.Environment == environment && n.Note == devNote && !slices.Contains(networks, n.Prefix) {
			if err := r.RemoveNetwork(ctx, devApprover, n.ID); err != nil {
				return err
			}
		}
	}
	for _, prefix := range networks {
		rule := partner.NetworkRule{PartnerID: s.PartnerID, Environment: environment, Prefix: prefix, Note: devNote}
		if slices.ContainsFunc(roster.Networks, func(n partner.NetworkRule) bool {
			return n.PartnerID == rule.PartnerID && n.Environment == environment && n.Prefix == rule.Prefix
		}) {
			continue
		}
		if _, err := r.Allow(ctx, devApprover, rule); err != nil {
			return err
		}
	}
	return nil
}

type issuer func(ctx context.Context, actor registry.Actor, partnerID, environment string) (registry.Issued, error)

// keep leaves a credential that the register still has, and issues one otherwise. A secret that the partner changed over
// the wire is forgotten here: it is the partner's alone.
func (s *devState) keep(ctx context.Context, roster *partner.Roster, known *devSecret, environment string, issue issuer) error {
	for _, c := range roster.Credentials {
		if c.ID != known.CredentialID || known.CredentialID == "" || !c.RevokedAt.IsZero() {
			continue
		}
		if len(c.Versions) > 0 && c.Versions[0].ByPartner {
			known.Secret = ""
		}
		return nil
	}
	issued, err := issue(ctx, devApprover, s.PartnerID, environment)
	if err != nil {
		return err
	}
	*known = devSecret{CredentialID: issued.Credential.ID, KeyID: issued.KeyID, Login: issued.Login, Secret: string(issued.Secret.Bytes())}
	issued.Secret.Zero()
	return s.save()
}
