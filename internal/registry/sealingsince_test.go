package registry_test

import (
	"testing"
	"time"
)

// TestSealingSinceIsOfTheKeyThatSealsNow: of the environments that were asked for, and without opening any key.
func TestSealingSinceIsOfTheKeyThatSealsNow(t *testing.T) {
	w := newWorld(t)
	both := []string{"sandbox", "production"}
	since, err := w.SealingSince(ctx, both)
	if err != nil || len(since) != 0 {
		t.Errorf("without a key: %v, %v", since, err)
	}
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.must(w.EnsureSealingKey(ctx, robot, "production"))
	before, err := w.SealingSince(ctx, both)
	w.must(err)
	w.clock.pass(time.Hour)
	w.must(w.RotateSealingKey(ctx, robot, "sandbox"))
	after, err := w.SealingSince(ctx, both)
	w.must(err)
	if after["sandbox"].Sub(before["sandbox"]) != time.Hour || !after["production"].Equal(before["production"]) {
		t.Errorf("%v, and before %v", after, before)
	}
	w.raw("UPDATE sealing_key SET sealed = x'00'")
	if one, err := w.SealingSince(ctx, both[:1]); err != nil || len(one) != 1 || !one["sandbox"].Equal(after["sandbox"]) {
		t.Errorf("%v, %v", one, err)
	}
}
