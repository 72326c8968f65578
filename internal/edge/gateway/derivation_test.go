package gateway_test

import (
	"strings"
	"testing"
)

// TestARefusalTellsItsHops: why it was refused and how its address was found belong together, whatever the refusal is about. What is
// let in, and what came without a proxy, needs no more than its two addresses.
func TestARefusalTellsItsHops(t *testing.T) {
	forged := func(fields ...string) func(d *door) call {
		return func(d *door) call {
			c := get("good", fields...)(d)
			c.fields[2] = "X-Auth-Signature: " + strings.Repeat("0", 64)
			return c
		}
	}
	hops := "X-Forwarded-For: 198.51.100.9, 192.0.2.66"
	for _, c := range []struct {
		what   string
		door   func(*settings)
		call   func(d *door) call
		status int
		told   string
	}{
		{"a bad signature, through a proxy", trusting, forged(hops), 401, "hop 1 from the right: 192.0.2.66: not a trusted proxy"},
		{"let in, through a proxy", trusting, get("good", hops), 200, ""},
		{"a bad signature, straight", func(*settings) {}, forged(hops), 401, ""},
	} {
		d := newWorld(t).open(t, c.door)
		a := d.do(c.call(d))
		line, text := d.records.line()
		told, _ := line["derivation"].(string)
		if a.status != c.status || !strings.Contains(told, c.told) || (told == "") != (c.told == "") || strings.Contains(told, "198.51.100.9") {
			t.Errorf("%s: %d %s", c.what, a.status, text)
		}
	}
}
