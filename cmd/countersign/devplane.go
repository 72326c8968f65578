package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/signin"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// The demo operator of dev, and its program. Neither has a proof that anybody could steal elsewhere: the link counts once, and
// only while this server runs, and the token is one of this folder's register.
const (
	demoLogin     = "demo@localhost"
	demoService   = "dev"
	demoServiceIn = 90 * 24 * time.Hour // how long a token of dev counts; a start near its end makes another one
)

// devService is the service account of dev, with its token in clear, as dev keeps everything that it has issued.
type devService struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

// provisionPlane makes the demo operator and the service account, or finds them.
func (s *devState) provisionPlane(ctx context.Context, r *registry.Registry, now time.Time) error {
	// An approver as well: what the demo member asks for waits for an operator, and there is no other one.
	roles := []operators.Role{operators.Viewer, operators.Operator, operators.Auditor, operators.Admin, operators.Approver}
	if _, err := r.DemoAccount(ctx, devRequester, demoLogin, roles); err != nil {
		return fmt.Errorf("make the demo operator: %w", err)
	}
	accounts, err := r.ServiceAccounts(ctx)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, a := range accounts {
		if taken[a.Name] = true; a.Name == s.Service.Name && s.Service.Token != "" && a.Live(now.Add(24*time.Hour)) {
			return nil
		}
	}
	name := demoService
	for n := 2; taken[name]; n++ { // names are never used twice
		name = fmt.Sprintf("%s-%d", demoService, n)
	}
	_, token, err := r.CreateService(ctx, devRequester, registry.ServiceCreate{Name: name, Roles: roles[:3], NotAfter: now.Add(demoServiceIn)})
	if err != nil {
		return fmt.Errorf("make the service account of dev: %w", err)
	}
	s.Service = devService{name, string(token.Bytes())}
	token.Zero()
	return s.save()
}

// planePrint is the operators' plane of dev: on loopback, over plain HTTP, so that a browser on this machine takes it without a
// warning. It answers for names of this machine alone, whatever a name elsewhere is made to point at (security rule 31).
func (d *devServer) planePrint() (*planePrint, error) {
	token, err := operators.NewToken(rand.Reader, operators.LinkToken, "")
	if err != nil {
		return nil, fmt.Errorf("draw the link of the demo operator: %w", err)
	}
	d.demo = &signin.Demo{Token: secret.NewValue([]byte(token)), Login: demoLogin, Renewed: d.nextLink("operators", d.planeURL)}
	return newPlanePrint(planePrint{surfacePrint: surfacePrint{address: d.options.listenAdmin, hint: "take a free port with --listen-admin 127.0.0.1:0"}, demo: d.demo,
		passkeys: config.Passkeys{Enabled: true}, webhooks: config.Webhooks{Allow: loopbackNetworks()}, plainEndpoints: func(string) bool { return true }}), nil
}

func loopbackNetworks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// nextLink says on standard error how to sign in once more, when a printed link was used: each counts once.
func (d *devServer) nextLink(surface string, at func() string) func(token string) {
	return func(token string) {
		d.log.Info("the sign-in link was used; the next one counts once too", "surface", surface, "link", signin.Link(at(), token))
	}
}

// signInLink is what the banner offers to a browser on this machine.
func (d *devServer) signInLink() string {
	return signin.Link(d.planeURL(), string(d.demo.Token.Bytes()))
}
