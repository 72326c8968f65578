package bench_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// cloudRequest is one request as both signers take it.
type cloudRequest struct {
	at     time.Time
	body   []byte
	theirs *http.Request
	ours   scheme.Request
	scheme *scheme.Scheme
	key    scheme.Key
	claims scheme.Claims
	signer *v4.Signer
}

func newCloudRequest(tb testing.TB) *cloudRequest {
	tb.Helper()
	c := &cloudRequest{at: time.Unix(1763625600, 0), body: []byte("{" + strings.Repeat("x", 254) + "}"), signer: v4.NewSigner()}
	var err error
	if c.theirs, err = http.NewRequest("POST", "https://api.example/v1/cards?page=2&size=20", strings.NewReader(string(c.body))); err != nil {
		tb.Fatal(err)
	}
	c.theirs.Header.Set("Content-Type", "application/json")
	if c.scheme, err = library.Load("aws-sigv4"); err != nil {
		tb.Fatal(err)
	}
	if c.key, err = c.scheme.NewKey([]byte("secret")); err != nil {
		tb.Fatal(err)
	}
	c.claims = scheme.Claims{KeyID: "AKIDEXAMPLE", Time: c.at}
	c.ours = scheme.Request{Method: "POST", Target: "/v1/cards?page=2&size=20", Scheme: "https", Host: "api.example", Body: c.body,
		Header: map[string][]string{"Content-Type": {"application/json"}, "Content-Length": {"256"}},
		Vars:   map[string]string{"region": "eu-west-1", "service": "execute-api", "signed": "content-length;content-type;host;x-amz-date"}}
	return c
}

// signTheirs is the SDK's way: the caller hashes the body, the signer sets the headers. It keeps the derived key of a day.
func (c *cloudRequest) signTheirs(tb testing.TB) {
	digest := sha256.Sum256(c.body)
	err := c.signer.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, c.theirs, hex.EncodeToString(digest[:]), "execute-api", "eu-west-1", c.at)
	if err != nil {
		tb.Fatal(err)
	}
}

func (c *cloudRequest) signOurs(tb testing.TB) []scheme.Field {
	fields, err := c.scheme.Sign(&c.key, &c.ours, c.claims)
	if err != nil {
		tb.Fatal(err)
	}
	return fields
}

// TestTheSDKSignsTheSame: both compute one signature, and ours accepts theirs; otherwise the figures would compare two things.
func TestTheSDKSignsTheSame(t *testing.T) {
	c := newCloudRequest(t)
	c.signTheirs(t)
	for _, f := range c.signOurs(t) {
		if theirs := c.theirs.Header.Get(f.Name); theirs != f.Value {
			t.Errorf("%s is %q by the SDK and %q by us", f.Name, theirs, f.Value)
		}
	}
	received := c.ours
	received.Header = map[string][]string{"Content-Length": {"256"}}
	for name, values := range c.theirs.Header {
		received.Header[name] = values
	}
	if _, f := c.scheme.Check([]*scheme.Key{&c.key}, &received, c.at, 0); f != nil {
		t.Error(f)
	}
}

// BenchmarkSigV4 signs and verifies with the profile aws-sigv4, in turns with the SDK's signer. The SDK cannot verify: whoever verifies with it signs again and compares.
func BenchmarkSigV4(b *testing.B) {
	c := newCloudRequest(b)
	received, err := scheme.Apply(&c.ours, c.signOurs(b))
	if err != nil {
		b.Fatal(err)
	}
	var p, again scheme.Presented
	if f := c.scheme.Parse(&received, &p); f != nil {
		b.Fatal(f)
	}
	best := inTurns(b, 20,
		func() { c.signTheirs(b) },
		func() { c.signOurs(b) },
		func() {
			if f := c.scheme.Verify(&c.key, &received, &p, nil); f != nil {
				b.Fatal(f)
			}
		},
		func() {
			if c.scheme.Parse(&received, &again) != nil || c.scheme.Fresh(&again, c.at, 0) != nil || c.scheme.Verify(&c.key, &received, &again, nil) != nil {
				b.Fatal("refused")
			}
		})
	b.ReportMetric(best[1]/best[0], "sign/sdk")
	b.ReportMetric(best[2]/best[0], "verify/sdk")
	b.ReportMetric(best[3]/best[0], "all/sdk")
	b.ReportMetric(best[0], "sdk-ns")
}

// inTurns runs each function so many times, one after the other, for as long as the benchmark lasts. It returns the nanoseconds of one call in the best turn of each: the
// only figure that a busy machine does not spoil.
func inTurns(b *testing.B, times int, turns ...func()) []float64 {
	best := make([]float64, len(turns))
	for i := range best {
		best[i] = math.MaxFloat64
	}
	for b.Loop() {
		for i, turn := range turns {
			start := time.Now()
			for range times {
				turn()
			}
			best[i] = min(best[i], float64(time.Since(start).Nanoseconds())/float64(times))
		}
	}
	b.ReportMetric(0, "ns/op") // a turn is no unit that anybody needs
	return best
}
