package registry_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// two is a credential with two live versions, the older one with a month to go.
func two(t *testing.T) (*world, partner.Credential) {
	t.Helper()
	w := newWorld(t)
	key := w.signingKey()
	_, err := w.Rotate(ctx, alice, key.Credential.ID, w.clock.now().Add(registry.MaxOverlap-time.Second))
	w.must(err)
	return w, w.credential(key.Credential.ID)
}

func TestRetiringAVersionByHand(t *testing.T) {
	w, c := two(t)
	retire := func(version int) func() error {
		return func() error { return w.RetireVersion(ctx, alice, c.ID, version, "moved") }
	}
	w.refuse(registry.ErrNotFound, retire(3))
	w.refuse(registry.ErrNotFound, func() error { return w.RetireVersion(ctx, alice, "crd_none", 1, "") })
	w.must(retire(1)())
	if row := w.last(alice, audit.VersionRetired, c.ID); row.Detail != "sandbox: version 1: moved" {
		t.Error(row.Detail)
	}
	if live := w.live(c.ID); len(live) != 1 || live[0] != 2 {
		t.Errorf("live: %v", live)
	}
	w.refuse(registry.ErrState, retire(1)) // ended already
	w.refuse(registry.ErrState, retire(2)) // the only one
	w.must(w.RevokeCredential(ctx, alice, c.ID, ""))
	w.refuse(registry.ErrState, retire(2))
}

// A version whose secret nobody has seen keeps nobody going.
func TestTheVersionThatAPartnerUsesIsNotRetired(t *testing.T) {
	w, c := made(t, partner.SigningKey)
	w.refuse(registry.ErrState, func() error { return w.RetireVersion(ctx, alice, c.Credential.ID, 1, "") })
	w.must(w.RetireVersion(ctx, alice, c.Credential.ID, 2, "not needed"))
	if list, err := w.PendingSecrets(ctx, c.Credential.PartnerID); err != nil || len(list) != 0 {
		t.Errorf("its secret still waits: %v, %v", list, err)
	}
}

// TestSilentVersions is the policy: n days ago (0: never) each version was used first and last, and whether version 1 is ended after 30
// days of silence.
func TestSilentVersions(t *testing.T) {
	type use struct{ first, last int }
	for name, c := range map[string]struct {
		v1, v2      use
		since, lag  time.Duration
		retired     bool
		environment string
	}{
		"silent, and moved on":            {v1: use{80, 31}, v2: use{60, 1}, retired: true},
		"silent to the day":               {v1: use{80, 30}, v2: use{30, 1}, retired: true},
		"moved on just now":               {v1: use{80, 31}, v2: use{1, 1}, retired: true},
		"the first use is not known":      {v1: use{31, 31}, v2: use{1, 1}, retired: true},
		"used yesterday":                  {v1: use{80, 1}, v2: use{60, 1}},
		"used within the days":            {v1: use{80, 29}, v2: use{60, 1}},
		"nobody has moved on":             {v1: use{80, 31}},
		"nobody uses anything":            {},
		"never used, and moved on":        {v2: use{60, 1}, retired: true},
		"never used, but for how long":    {v2: use{29, 1}},
		"never used, as far as is known":  {v2: use{60, 1}, since: 29 * day},
		"the record says nothing":         {v2: use{60, 1}, since: -1},
		"the record is behind":            {v1: use{80, 31}, v2: use{60, 1}, lag: 2 * time.Hour},
		"of another environment":          {v1: use{80, 31}, v2: use{60, 1}, environment: "production"},
		"of this environment":             {v1: use{80, 31}, v2: use{60, 1}, environment: "sandbox", retired: true},
		"the newer is silent, the old on": {v1: use{80, 1}, v2: use{60, 40}},
	} {
		w, credential := two(t)
		w.clock.pass(85 * day)
		ago := func(days int) time.Time {
			if days == 0 {
				return time.Time{}
			}
			return w.clock.now().Truncate(partner.Resolution).Add(-time.Duration(days) * day)
		}
		usage := registry.Usage{Since: ago(90), Until: w.clock.now().Add(-c.lag), Of: func(id string, version int) registry.VersionUse {
			u := map[int]use{1: c.v1, 2: c.v2}[version]
			return registry.VersionUse{First: ago(u.first), Last: ago(u.last)}
		}}
		if c.since > 0 {
			usage.Since = w.clock.now().Add(-c.since)
		} else if c.since < 0 {
			usage.Since = time.Time{}
		}
		if c.lag == 0 {
			usage.Until = time.Time{}
		}
		p := registry.RetirePolicy{After: 30 * day}
		if c.environment != "" {
			p.Environments = []string{c.environment}
		}
		done, err := w.RetireSilent(ctx, robot, p, usage)
		w.must(err)
		live := w.live(credential.ID)
		if (len(done) == 1) != c.retired || (len(live) == 1) != c.retired || live[0] != 2 {
			t.Errorf("%s: retired %+v, live %v", name, done, live)
		}
		if c.retired {
			w.last(robot, audit.VersionRetired, credential.ID)
		}
		if again, err := w.RetireSilent(ctx, robot, p, usage); err != nil || len(again) != 0 {
			t.Errorf("%s: once more: %+v, %v", name, again, err)
		}
	}
}

func TestRetirementNeedsAPolicyAndSomebodyWhoTells(t *testing.T) {
	w, _ := two(t)
	tells := registry.Usage{Since: w.clock.now().Add(-day), Until: w.clock.now(), Of: func(string, int) registry.VersionUse { return registry.VersionUse{} }}
	for name, call := range map[string]func() error{
		"no span": func() error { _, err := w.RetireSilent(ctx, robot, registry.RetirePolicy{}, tells); return err },
		"a short one": func() error {
			_, err := w.RetireSilent(ctx, robot, registry.RetirePolicy{After: 7*day - 1}, tells)
			return err
		},
		"nobody tells": func() error {
			_, err := w.RetireSilent(ctx, robot, registry.RetirePolicy{After: 7 * day}, registry.Usage{})
			return err
		},
		"a negative one": func() error {
			_, err := w.RetireSilent(ctx, robot, registry.RetirePolicy{After: -7 * day}, tells)
			return err
		},
	} {
		w.refuse(registry.ErrArgument, func() error {
			err := call()
			if !errors.Is(err, registry.ErrArgument) {
				t.Errorf("%s:", name)
			}
			return err
		})
	}
}
