package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"countersign.dev/internal/edge/signin"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// demoMember is the person of the demo partner whom the printed link of the portal signs in.
const demoMember = "demo@partner.example"

// provisionPortal makes the demo member, or finds it.
func (s *devState) provisionPortal(ctx context.Context, r *registry.Registry) error {
	if _, err := r.DemoMember(ctx, devRequester, s.PartnerID, demoMember); err != nil {
		return fmt.Errorf("make the demo member: %w", err)
	}
	return nil
}

// portalPrint is the partners' portal of dev: on loopback, over plain HTTP, for names of this machine alone (security rule 31). The
// tester reaches the sandbox.
func (d *devServer) portalPrint() (*portalPrint, error) {
	token, err := operators.NewToken(rand.Reader, operators.MemberLinkToken, "")
	if err != nil {
		return nil, fmt.Errorf("draw the link of the demo member: %w", err)
	}
	d.demoMember = &signin.Demo{Token: secret.NewValue([]byte(token)), Login: demoMember, Renewed: d.nextLink("partners", d.portalURL)}
	return newPortalPrint(portalPrint{surfacePrint: surfacePrint{address: d.options.listenPortal, hint: "take a free port with --listen-portal 127.0.0.1:0"},
		demo: d.demoMember, local: true, tester: []string{"sandbox"}, last: []string{"production"}}), nil
}

// memberLink is what the banner offers to a browser on this machine.
func (d *devServer) portalLink() string {
	return signin.Link(d.portalURL(), string(d.demoMember.Token.Bytes()))
}

// checkLocal refuses an address that another machine could reach: whoever has the link of a listener for people is let in.
func checkLocal(flag, address, what string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return hinted{fmt.Errorf("%s %s: not an address", flag, address), "write 127.0.0.1:PORT"}
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && slices.ContainsFunc(loopbackNetworks(), func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	return hinted{errors.New(flag + " " + address + ": not a loopback address"), what + " of dev is for this machine alone; countersign serve has one for others"}
}
