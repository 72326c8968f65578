package rollup

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzPayload is white-box to get behind the checksum: a payload is refused, or means the same when it is written again.
func FuzzPayload(f *testing.F) {
	one := &frame{from: 3, to: 9, last: true, minutes: map[int64]*Totals{}}
	t := &Totals{Lost: 4}
	t.ready()
	t.Reasons[ReasonKey{"e", "a", "allowed"}] = 7
	t.Partners[PartnerKey{"e", "p", "allow"}] = 7
	traffic := t.traffic(TrafficKey{"e", "a", "allow"})
	traffic.Requests = 7
	traffic.Latency.Add(time.Second)
	use := t.use(VersionKey{"e", "c", 2})
	use.Allowed, use.Last = 7, time.Unix(1_800_000_000, 0).UTC()
	use.Addresses.Add(netip.MustParseAddr("192.0.2.1"))
	one.minutes[29_400_000] = t
	f.Add(one.payload())
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := parseFrame(b)
		if err != nil {
			return
		}
		again, err := parseFrame(read.payload())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, again, cmp.AllowUnexported(frame{}, Histogram{}), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	})
}
