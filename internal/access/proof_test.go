package access_test

import (
	"slices"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// TestTheClockOfTheCallerIsKnown also where the request is let in: whoever drifts can be told before it matters.
func TestTheClockOfTheCallerIsKnown(t *testing.T) {
	d := newDoor(t)
	d.now = start.Add(400 * time.Millisecond)
	for _, c := range []struct {
		what string
		at   time.Duration
		want access.Reason
	}{
		{"behind", -7 * time.Second, access.Allowed}, {"equal", 0, access.Allowed}, {"ahead", 12 * time.Second, access.Allowed},
		{"stale", -time.Hour, access.StaleTimestamp}, {"future", time.Hour, access.FutureTimestamp},
	} {
		out := d.refuse(c.want, c.what, sign(request(), goodToken, start.Add(c.at)))
		if want := c.at - 400*time.Millisecond; !out.Timed || out.Lead != want {
			t.Errorf("%s: %v %s, want %s", c.what, out.Timed, out.Lead, want)
		}
	}
	for what, r := range map[string]*access.Request{"no signature": request(),
		"no time": with(sign(request(), goodToken, start), func(r *access.Request) { r.Header["X-Auth-Timestamp"] = []string{"now"} }),
		"a token": tokenCall("sandbox", goodApp, d.token("sandbox", goodApp))} {
		if out := d.decide(r); out.Timed || out.Lead != 0 {
			t.Errorf("%s: a time of %s", what, out.Lead)
		}
	}
}

// versions gives the good credential secrets of their own.
func versions(d *door, list ...partner.Version) {
	roster := testRoster()
	roster.Credentials[0].CreatedAt = start.Add(-1000 * time.Hour)
	roster.Credentials[0].Versions = list
	d.load(roster)
}

func secretOf(text string) secret.Value { return secret.NewValue([]byte(text)) }

func TestTheVersionsThatWereTriedAreKnown(t *testing.T) {
	d := newDoor(t)
	versions(d, partner.Version{Number: 3, Secret: secretOf("newest")}, partner.Version{Number: 2, Secret: secretOf(secretText), NotAfter: d.now.Add(time.Hour)},
		partner.Version{Number: 1, Secret: secretOf("oldest"), NotAfter: d.now.Add(-time.Hour)})
	good := sign(request(), goodToken, d.now)
	if out := d.allow("with the second", good); !slices.Equal(out.Tried(), []uint16{3, 2}) {
		t.Errorf("tried %v", out.Tried())
	}
	if out := d.refuse(access.BadSignature, "with none", with(good, forge("X-Auth-Signature"))); !slices.Equal(out.Tried(), []uint16{3, 2, 1}) {
		t.Errorf("tried %v", out.Tried())
	}
	versions(d, partner.Version{Number: 1, Secret: secretOf(secretText), NotAfter: d.now.Add(-time.Hour)})
	if out := d.refuse(access.RevokedCredential, "with the right one, too late", sign(request(), goodToken, d.now)); !slices.Equal(out.Tried(), []uint16{1}) {
		t.Errorf("tried %v", out.Tried())
	}
	var many []partner.Version
	for n := 20; n > 0; n-- {
		many = append(many, partner.Version{Number: n, Secret: secretOf("x"), NotAfter: d.now.Add(time.Hour)})
	}
	versions(d, many...)
	if out := d.refuse(access.BadSignature, "with twenty", sign(request(), goodToken, d.now)); !slices.Equal(out.Tried(), []uint16{20, 19, 18, 17, 16, 15, 14, 13}) {
		t.Errorf("tried %v", out.Tried())
	}
	if out := d.refuse(access.UnknownCredential, "nobody", sign(request(), "x", d.now)); len(out.Tried()) != 0 {
		t.Errorf("tried %v of nobody", out.Tried())
	}
}

// TestAnOldVersionIsToldOfItsEnd (RFC 8594, RFC 9745): an end where there is one, and a deprecation where a newer version is.
func TestAnOldVersionIsToldOfItsEnd(t *testing.T) {
	end, since := start.Add(time.Hour), start.Add(-24*time.Hour)
	newest := partner.Version{Number: 2, Secret: secretOf("newest")}
	old := partner.Version{Number: 1, Secret: secretOf(secretText)}
	ending, dated, over, coming := old, newest, newest, newest
	ending.NotAfter, dated.NotBefore, over.NotAfter, coming.NotBefore = end, since, start.Add(-time.Minute), end
	for _, c := range []struct {
		what               string
		list               []partner.Version
		sunset, deprecated int64
	}{
		{"the only one", []partner.Version{old}, 0, 0},
		{"the only one, which ends", []partner.Version{ending}, end.Unix(), 0},
		{"an old one that ends", []partner.Version{newest, ending}, end.Unix(), start.Add(-1000 * time.Hour).Unix()},
		{"an old one that ends, of a known time", []partner.Version{dated, ending}, end.Unix(), since.Unix()},
		{"an old one that ends, and the newer one has ended", []partner.Version{over, ending}, end.Unix(), 0},
		{"an old one that ends, and the newer one is to come", []partner.Version{coming, ending}, end.Unix(), end.Unix()},
		{"an old one without an end", []partner.Version{dated, old}, 0, since.Unix()},
	} {
		d := newDoor(t)
		versions(d, c.list...)
		if out := d.allow(c.what, sign(request(), goodToken, d.now)); out.Sunset != c.sunset || out.Deprecated != c.deprecated {
			t.Errorf("%s: told %d and %d, want %d and %d", c.what, out.Sunset, out.Deprecated, c.sunset, c.deprecated)
		}
	}
}

// TestRule9NothingIsToldOfAVersionBeforeProof: neither that one ends nor that one has ended.
func TestRule9NothingIsToldOfAVersionBeforeProof(t *testing.T) {
	d := newDoor(t)
	for _, end := range []time.Time{start.Add(time.Hour), start.Add(-time.Hour)} {
		versions(d, partner.Version{Number: 2, Secret: secretOf("newest"), NotAfter: end}, partner.Version{Number: 1, Secret: secretOf(secretText), NotAfter: end})
		r := sign(request(), goodToken, d.now)
		if end.After(start) {
			forge("X-Auth-Signature")(r)
		}
		if out := d.decide(r); out.Reason == access.Allowed || out.Sunset != 0 || out.Deprecated != 0 || out.Proved {
			t.Errorf("%s: told %d and %d", out.Reason, out.Sunset, out.Deprecated)
		}
	}
}

func TestAnAPIMayKeepEndsToItself(t *testing.T) {
	d := newDoor(t, func(api *access.API) { api.HideSunset = true })
	versions(d, partner.Version{Number: 1, Secret: secretOf(secretText), NotAfter: start.Add(time.Hour)})
	if out := d.allow("with a version that ends", sign(request(), goodToken, d.now)); out.Sunset != 0 {
		t.Errorf("told %d", out.Sunset)
	}
}
