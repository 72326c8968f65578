package strict_test

import (
	"reflect"
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
	"github.com/google/go-cmp/cmp"
)

// TestSplitsDoNotMatter: wherever the network cuts the bytes, the verdict, the
// marks and what is served are those of one piece.
func TestSplitsDoNotMatter(t *testing.T) {
	for _, tc := range hostileCorpus() {
		t.Run(tc.name, func(t *testing.T) {
			data := []byte("POST /first HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc" + tc.raw + smuggled)
			want := serve(t, pieces(data, 0))
			checkVerdict(t, want, tc)
			step := 1 + len(data)/500 // every point of all but the long ones
			for cut := 1; cut < len(data); cut += step {
				got := serve(t, [][]byte{data[:cut], data[cut:]})
				if !reflect.DeepEqual(want, got) {
					t.Fatalf("cut at %d (-one piece +two):\n%s", cut, cmp.Diff(want, got))
				}
			}
			for _, size := range []int{1, 2, 3, 7} {
				if got := serve(t, pieces(data, size)); !reflect.DeepEqual(want, got) {
					t.Fatalf("pieces of %d (-one piece +many):\n%s", size, cmp.Diff(want, got))
				}
			}
		})
	}
}

func checkVerdict(t *testing.T, got outcome, tc hostile) {
	t.Helper()
	wantServed := 1
	if tc.handled {
		wantServed++
	}
	if tc.stays {
		wantServed++
	}
	if len(got.Served) != wantServed || tc.handled == (len(got.Refused) == 1) {
		t.Fatalf("served %d requests, refused %v", len(got.Served), got.Refused)
	}
	if tc.handled && got.Served[1].End.Fault != tc.want {
		t.Errorf("marked %v, want %v", got.Served[1].End.Fault, tc.want)
	}
	if !tc.handled && got.Refused[0] != tc.want {
		t.Errorf("refused %v, want %v", got.Refused[0], tc.want)
	}
	if tc.handled && got.Served[1].End.MustClose == tc.stays {
		t.Errorf("MustClose is %v", got.Served[1].End.MustClose)
	}
}

// TestEveryFaultIsProvoked: the corpus provokes every fault of a request; the
// rest of the list belongs to tests of their own.
func TestEveryFaultIsProvoked(t *testing.T) {
	elsewhere := map[strict.Fault]string{
		strict.TruncatedHead:    "TestTruncatedHeadIsRefused",
		strict.SlowHead:         "TestSlowHeadIsReported",
		strict.NotTLS:           "TestPlainTextIsNotAnswered",
		strict.HandshakeFailed:  "TestOnlyTLS12And13",
		strict.HandshakeTimeout: "TestHandshakeTimeout",
		strict.TooManyConns:     "TestMaxConns",
		strict.TooManyFromPeer:  "TestMaxPerPeer",
	}
	provoked := map[strict.Fault]bool{}
	for _, tc := range hostileCorpus() {
		provoked[tc.want] = true
	}
	names := map[string]bool{"none": true, "unknown": true}
	for _, f := range strict.Faults() {
		if provoked[f] == (elsewhere[f] != "") {
			t.Errorf("%v: provoked by the corpus %v, elsewhere %q", f, provoked[f], elsewhere[f])
		}
		if f.String() == "" || names[f.String()] {
			t.Errorf("fault %d has the name %q, which is empty or taken", uint8(f), f.String())
		}
		names[f.String()] = true
	}
}
