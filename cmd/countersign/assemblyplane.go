package main

import (
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/signin"
)

// planePrint is what a blueprint says of the operators' plane.
type planePrint struct {
	surfacePrint
	oidc     *config.OIDC
	passkeys config.Passkeys
	sessions config.Sessions
	webhooks config.Webhooks
	demo     *signin.Demo // nil: not dev

	plainEndpoints func(environment string) bool // where webhook endpoints of this machine may be plain http; nil: nowhere
}

// newPlanePrint is one whose listener is opened by the assembly.
func newPlanePrint(p planePrint) *planePrint {
	p.name, p.build = "operators", (*assembly).planeHandler
	return &p
}
