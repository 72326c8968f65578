package atonce_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"countersign.dev/internal/atonce"
)

// TestItSaysWhatFailedFirst: an end that the others were told of is no reason, and the order is that of the list.
func TestItSaysWhatFailedFirst(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	waits := func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("read: %w", ctx.Err()) }
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct {
		ctx    context.Context
		want   error
		things []func(context.Context) error
	}{
		{t.Context(), nil, []func(context.Context) error{fails(nil), fails(nil)}},
		{t.Context(), one, []func(context.Context) error{waits, fails(one), waits}},
		{t.Context(), one, []func(context.Context) error{fails(one), fails(two)}},
		{t.Context(), two, []func(context.Context) error{fails(two), fails(one)}},
		{ended, context.Canceled, []func(context.Context) error{waits, waits}},
		{ended, two, []func(context.Context) error{waits, fails(two)}},
	} {
		if err := atonce.Do(test.ctx, test.things...); !errors.Is(err, test.want) || test.want == nil && err != nil {
			t.Errorf("%v, want %v", err, test.want)
		}
	}
}
