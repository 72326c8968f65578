package gateway_test

import (
	"context"
	"errors"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/registry"
)

var errBroken = errors.New("broken for the tests")

type brokenGuard struct{}

func (brokenGuard) Claim([32]byte, int64, int64) (bool, error) { return true, errBroken }

type brokenRegistry struct{}

func (brokenRegistry) Authenticate(context.Context, string, string, []byte) (registry.Outcome, error) {
	return registry.Proved, errBroken
}

func (brokenRegistry) ChangeSecret(context.Context, string, string, []byte, []byte, bool) (registry.Outcome, error) {
	return registry.Proved, errBroken
}

type brokenIssuer struct{}

func (brokenIssuer) Issue(*access.Decision, time.Time) (string, error) { return "token", errBroken }

func (brokenIssuer) Admitted(*access.Decision) access.Reason { return access.Allowed }

// fakeDoer fails, or answers as it is told.
type fakeDoer struct {
	err error
	do  func(context.Context, *upstream.Request, *upstream.Response) error
}

func (f fakeDoer) Do(ctx context.Context, r *upstream.Request, resp *upstream.Response) error {
	if f.do != nil {
		return f.do(ctx, r, resp)
	}
	return f.err
}

func (fakeDoer) Close() error { return nil }
