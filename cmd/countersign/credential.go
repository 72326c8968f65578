package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// credentialHelp says in every command how a credential is named.
const credentialHelp = `CREDENTIAL is its id in our records (crd_...), its key id (app key or API token) or its login.`

func newCredential() *cobra.Command {
	o := new(operator)
	return o.group("credential", "Issue, rotate and revoke what partners prove themselves with", `Issue, rotate and revoke what partners prove themselves with: an app (app key, login and partner secret, exchanged for access
tokens) or a signing key (API token and API secret).

A secret is shown once, by the command that makes it, and never taken from the command line. With --secret-file it goes into a
new file of mode 0600 instead.`,
		newCredentialIssue(o), newCredentialList(o), newCredentialShow(o), newCredentialRotate(o), newCredentialRevoke(o),
		newCredentialRevokeTokens(o), newCredentialBind(o), newCredentialUnbind(o),
		newCredentialRehearsal(o), newCredentialPreview(o), newCredentialSchedule(o), newCredentialRetire(o), newCredentialReveal(o))
}

func newCredentialList(o *operator) *cobra.Command {
	var environment string
	var all bool
	c := &cobra.Command{
		Use:               "list [PARTNER]",
		Short:             "List credentials of one partner, or of all",
		Long:              "List credentials of one partner, or of all; those that are revoked only with --all.\n\n" + whoHelp,
		Example:           `  countersign credential list "Example Bank" --environment production`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePartner(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.read(c, func(s *session) error {
				id, err := s.optionalPartner(args)
				if err != nil {
					return err
				}
				return listCredentials(s, id, environment, all)
			})
		},
	}
	environmentFlag(c, &environment, false)
	c.Flags().BoolVar(&all, "all", false, "revoked ones, too")
	completeEnvironments(o, c)
	return c
}

// optionalPartner is the id of the partner that the first argument names; empty without one.
func (s *session) optionalPartner(args []string) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	p, err := s.partner(args[0])
	return p.ID, err
}

func listCredentials(s *session, partnerID, environment string, all bool) error {
	credentials, err := s.Credentials(s.ctx, partnerID)
	if err != nil {
		return err
	}
	reviews, err := s.Reviews(s.ctx, partnerID)
	if err != nil {
		return err
	}
	partners, err := s.Partners(s.ctx)
	if err != nil {
		return err
	}
	closed := map[string]bool{}
	for _, p := range partners {
		closed[p.ID] = p.Closed
	}
	now, lines, rows := clock(), []credentialView{}, [][]string{}
	for _, c := range credentials {
		v := viewCredential(c, now).within(closed[c.PartnerID], reviews)
		if environment != "" && c.Environment != environment || v.revoked() && !all {
			continue
		}
		lines = append(lines, v)
		rows = append(rows, []string{v.ID, v.PartnerID, v.Environment, strings.ReplaceAll(v.Kind, "_", "-"), v.KeyID, v.Login, v.State, v.nextEnd()})
	}
	return s.out.table(lines, "no credential", []string{"ID", "PARTNER", "ENVIRONMENT", "KIND", "KEY ID", "LOGIN", "STATE", "NEXT END"}, rows)
}

// nextEnd is when the next live version ends; empty when none of them does.
func (v credentialView) nextEnd() string {
	var next time.Time
	for _, version := range v.Versions {
		if version.Live && !version.NotAfter.IsZero() && (next.IsZero() || version.NotAfter.Before(next)) {
			next = version.NotAfter
		}
	}
	return when(next)
}

func newCredentialShow(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:               "show CREDENTIAL",
		Short:             "Show one credential with its versions and client keys",
		Long:              "Show one credential with its versions, the spans in which they count, the client keys that it is bound to, and how it is rotated by\nitself: also which secret waits to be taken.\n\n" + credentialHelp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCredential(o),
		RunE: func(c *cobra.Command, args []string) error {
			return o.onPlane(c, func(s *session, plane *remote.Client) error {
				found, p, err := s.credential(args[0])
				if err != nil {
					return err
				}
				whole, err := remote.Value(plane.API.CredentialGet(s.ctx, found.ID))
				if err != nil {
					return err
				}
				return s.showCredential(found, p, whole.Schedule)
			})
		},
	}
}

// showCredential shows c; the zero schedule is none.
func (s *session) showCredential(c partner.Credential, p partner.Partner, schedule api.Schedule) error {
	reviews, err := s.Reviews(s.ctx, c.PartnerID)
	if err != nil {
		return err
	}
	v := viewCredential(c, clock()).within(p.Closed, reviews)
	v.Schedule = schedule
	if s.out.json {
		return s.out.encode(v)
	}
	var b strings.Builder
	partnerPage{Credentials: []credentialView{v}}.printCredentials(&b)
	_, list, _ := strings.Cut(b.String(), "Credentials\n")
	return s.out.show(v, "%s (%s)\n%s%s", p.Name, p.ID, strings.TrimSuffix(list, "\n"), scheduled(c.ID, schedule))
}

// scheduled is how a credential is rotated by itself, each line with a line feed before it; nothing where it is not.
func scheduled(id string, s api.Schedule) string {
	if s.EverySeconds == 0 {
		return ""
	}
	text := fmt.Sprintf("\n    rotated by itself every %s, next at %s; older secrets count on for %s", wholeSpan(s.EverySeconds), when(s.Next), wholeSpan(s.OverlapSeconds))
	if w := s.Pending; w.Version != 0 {
		text += fmt.Sprintf("\n    the secret of version %d waits until %s: countersign credential reveal %s --version %d", w.Version, when(w.Until), id, w.Version)
	}
	return text
}

// kindOf reads --kind.
func kindOf(text string) (partner.Kind, error) {
	switch strings.ReplaceAll(text, "_", "-") {
	case "app":
		return partner.App, nil
	case "signing-key":
		return partner.SigningKey, nil
	}
	return "", hinted{errors.New("which kind of credential?"), "--kind app (for access tokens) or --kind signing-key (for signed requests)"}
}
