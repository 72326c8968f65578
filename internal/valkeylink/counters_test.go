package valkeylink_test

import (
	"testing"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/valkeylink"
)

// TestCallsAreCounted: those that got an answer, those that got none, and those that an open circuit failed at once.
func TestCallsAreCounted(t *testing.T) {
	server := redistest.Start(t)
	l := open(t, valkeylink.Config{Addresses: []string{server.Address}})
	script := valkeylink.NewScript("return {1}")
	keys := []string{valkeylink.Tag(0) + "x"}
	if _, err := l.Run(0, script, keys, nil); err != nil {
		t.Fatal(err)
	}
	if c := l.Counters(); c != (valkeylink.Counters{Calls: 1}) {
		t.Errorf("after one call: %+v", c)
	}
	server.Kill(t)
	for range 3 {
		if _, err := l.Run(0, script, keys, nil); err == nil {
			t.Fatal("a server that is dead answers")
		}
	}
	if c := l.Counters(); c != (valkeylink.Counters{Calls: 4, Failures: 3, Open: 1}) {
		t.Errorf("after three more: %+v", c)
	}
}
