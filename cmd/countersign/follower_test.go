package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// noReplay is a guard that remembers nothing.
type noReplay struct{}

func (noReplay) Claim([32]byte, int64, int64) (bool, error) { return true, nil }

// TestOneBadRowIsSeenByOperators, on the operations listener, while the partner is still served, until it is mended.
func TestOneBadRowIsSeenByOperators(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDev(t, data)
	operator := registry.Actor{Kind: registry.Operator, Name: "test"}
	var rule partner.NetworkRule
	beside := func(change func(r *registry.Registry, p partner.Partner) error) {
		t.Helper()
		err := withRegister(t.Context(), data, func(r *registry.Registry) error {
			p, err := r.FindPartner(t.Context(), d.ready.Environments["sandbox"].Aggregation.PartnerID)
			if err != nil {
				return err
			}
			return change(r, p)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	beside(func(r *registry.Registry, p partner.Partner) (err error) {
		rule, err = r.Allow(t.Context(), operator, partner.NetworkRule{PartnerID: p.ID, Environment: "sandbox", Country: "CA"})
		return err
	})
	d.untilPage("/readyz", http.StatusServiceUnavailable, "rule for country CA, but no country file")
	d.untilPage("/metrics", http.StatusOK, "countersign_register_failing 1")
	if status, body := d.get(); status != http.StatusNotFound {
		t.Errorf("meanwhile: %d %s", status, body)
	}
	beside(func(r *registry.Registry, _ partner.Partner) error {
		return r.RemoveNetwork(t.Context(), operator, rule.ID)
	})
	d.untilPage("/readyz", http.StatusOK, "ready")
	d.untilPage("/metrics", http.StatusOK, "countersign_register_failing 0")
	until(t, "the cause is in the log", func() bool { return strings.Contains(d.errOut.String(), "rule for country CA") })
	if n := strings.Count(d.errOut.String(), "rule for country CA"); n != 1 {
		t.Errorf("the cause stands %d times in the log, want once", n)
	}
}

// untilPage waits until a page of the operations listener says so.
func (d *devRun) untilPage(path string, status int, text string) {
	d.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got, body := d.page(path)
		if got == status && strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: %s, want %d and %q in it", path, fmt.Sprintf("%d %.500s", got, body), status, text)
		}
	}
}
