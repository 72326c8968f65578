package library_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/profile/library"
	"countersign.dev/scheme"
	"github.com/google/go-cmp/cmp"
)

// byHand is what a careful Go programmer writes for one scheme: the MAC of a request, keys prepared beforehand where the scheme allows it, and what a signer sets.
type byHand struct {
	profile string
	mac     func(r *scheme.Request, ts string) []byte
	time    func(t time.Time) string
	fields  func(c scheme.Claims, ts string, mac []byte) []scheme.Field
}

func (h *byHand) sign(r *scheme.Request, c scheme.Claims) []scheme.Field {
	ts := h.time(c.Time)
	return h.fields(c, ts, h.mac(r, ts))
}

// reused is an HMAC whose key state is computed once.
func reused(new func() hash.Hash, key string) func(parts ...string) []byte {
	h := hmac.New(new, []byte(key))
	var buf []byte
	return func(parts ...string) []byte {
		h.Reset()
		for _, p := range parts {
			buf = append(buf[:0], p...)
			h.Write(buf)
		}
		return h.Sum(nil)
	}
}

func once(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

func noTime(time.Time) string         { return "" }
func seconds(t time.Time) string      { return strconv.FormatInt(t.Unix(), 10) }
func milliseconds(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func written(layout string) func(time.Time) string {
	return func(t time.Time) string { return t.UTC().Format(layout) }
}

// ten are from the plainest to the heaviest of the library.
func ten() []byHand {
	sum, sum512, sumSHA1 := reused(sha256.New, "secret"), reused(sha512.New, "secret"), reused(sha1.New, "secret&")
	whole := hmac.New(sha256.New, []byte("secret"))
	return []byHand{
		{"github-webhook", func(r *scheme.Request, _ string) []byte { whole.Reset(); whole.Write(r.Body); return whole.Sum(nil) }, noTime,
			func(_ scheme.Claims, _ string, mac []byte) []scheme.Field {
				return []scheme.Field{{Name: "X-Hub-Signature-256", Value: "sha256=" + hex.EncodeToString(mac)}}
			}},
		{"finci", func(r *scheme.Request, ts string) []byte {
			whole.Reset()
			whole.Write([]byte(ts + r.Method + r.Target))
			whole.Write(r.Body)
			return whole.Sum(nil)
		}, seconds, func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "X-Auth-Token", Value: c.KeyID}, {Name: "X-Auth-Timestamp", Value: ts}, {Name: "X-Auth-Signature", Value: hex.EncodeToString(mac)}}
		}},
		{"stripe-webhook", func(r *scheme.Request, ts string) []byte {
			whole.Reset()
			whole.Write([]byte(ts + "."))
			whole.Write(r.Body)
			return whole.Sum(nil)
		}, seconds, func(_ scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "Stripe-Signature", Value: "t=" + ts + ",v1=" + hex.EncodeToString(mac)}}
		}},
		{"countersign-v1", func(r *scheme.Request, ts string) []byte {
			digest := sha256.Sum256(r.Body)
			return sum(strings.Join([]string{"countersign-v1", "key-1", ts, "0123456789abcdef", r.Method, r.Target, hex.EncodeToString(digest[:])}, "\n"))
		}, seconds, func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "X-Api-Key", Value: c.KeyID}, {Name: "X-Timestamp", Value: ts}, {Name: "X-Nonce", Value: c.Nonce},
				{Name: "X-Signature", Value: "v1=" + hex.EncodeToString(mac)}}
		}},
		{"valr", func(r *scheme.Request, ts string) []byte { return sum512(ts, r.Method, r.Target, string(r.Body)) }, milliseconds,
			func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
				return []scheme.Field{{Name: "X-VALR-API-KEY", Value: c.KeyID}, {Name: "X-VALR-SIGNATURE", Value: hex.EncodeToString(mac)}, {Name: "X-VALR-TIMESTAMP", Value: ts}}
			}},
		{"sinch", func(r *scheme.Request, ts string) []byte {
			digest := md5.Sum(r.Body)
			return sum(strings.Join([]string{r.Method, base64.StdEncoding.EncodeToString(digest[:]), r.Header["Content-Type"][0], "x-timestamp:" + ts, r.Target}, "\n"))
		}, written(time.RFC3339), func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "X-Timestamp", Value: ts}, {Name: "Authorization", Value: "Application " + c.KeyID + ":" + base64.StdEncoding.EncodeToString(mac)}}
		}},
		{"messagebird", func(r *scheme.Request, ts string) []byte {
			_, query, _ := strings.Cut(r.Target, "?")
			values, _ := url.ParseQuery(query)
			digest := sha256.Sum256(r.Body)
			return sum(ts + "\n" + values.Encode() + "\n" + string(digest[:]))
		}, seconds, func(_ scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "MessageBird-Request-Timestamp", Value: ts}, {Name: "MessageBird-Signature", Value: base64.StdEncoding.EncodeToString(mac)}}
		}},
		{"alibaba-rpc", func(r *scheme.Request, _ string) []byte {
			_, query, _ := strings.Cut(r.Target, "?")
			values, _ := url.ParseQuery(query)
			values.Del("Signature")
			canonical := strings.ReplaceAll(values.Encode(), "+", "%20")
			return sumSHA1(r.Method + "&%2F&" + strings.ReplaceAll(url.QueryEscape(canonical), "+", "%20"))
		}, written(time.RFC3339), func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "AccessKeyId", Value: c.KeyID, In: scheme.InQuery}, {Name: "SignatureMethod", Value: "HMAC-SHA1", In: scheme.InQuery},
				{Name: "SignatureNonce", Value: c.Nonce, In: scheme.InQuery}, {Name: "SignatureVersion", Value: "1.0", In: scheme.InQuery},
				{Name: "Timestamp", Value: ts, In: scheme.InQuery}, {Name: "Signature", Value: base64.StdEncoding.EncodeToString(mac), In: scheme.InQuery}}
		}},
		{"tencent-tc3", func(r *scheme.Request, ts string) []byte {
			path, query, _ := strings.Cut(r.Target, "?")
			return cloud(r, "TC3", ts, "2025-11-20", "/cvm/tc3_request", []string{"cvm", "tc3_request"}, path, query, []string{"content-type", "host"})
		}, seconds, func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "X-TC-Timestamp", Value: ts}, {Name: "Authorization", Value: "TC3-HMAC-SHA256 Credential=" + c.KeyID + "/2025-11-20/cvm/tc3_request, SignedHeaders=" +
				"content-type;host" + ", Signature=" + hex.EncodeToString(mac)}}
		}},
		{"aws-sigv4", func(r *scheme.Request, ts string) []byte {
			path, query, _ := strings.Cut(r.Target, "?")
			values, _ := url.ParseQuery(query)
			return cloud(r, "AWS4", ts, ts[:8], "/eu-west-1/s/aws4_request", []string{"eu-west-1", "s", "aws4_request"}, (&url.URL{Path: path}).EscapedPath(),
				strings.ReplaceAll(values.Encode(), "+", "%20"), []string{"content-type", "host", "x-amz-date"})
		}, written("20060102T150405Z"), func(c scheme.Claims, ts string, mac []byte) []scheme.Field {
			return []scheme.Field{{Name: "X-Amz-Date", Value: ts}, {Name: "Authorization", Value: "AWS4-HMAC-SHA256 Credential=" + c.KeyID + "/" + ts[:8] +
				"/eu-west-1/s/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=" + hex.EncodeToString(mac)}}
		}},
	}
}

// cloud is the common shape of the cloud providers' signatures.
func cloud(r *scheme.Request, name, ts, date, scope string, chain []string, path, query string, signed []string) []byte {
	slices.Sort(signed)
	var headers strings.Builder
	for _, h := range signed {
		value := r.Host
		if h != "host" {
			value = strings.Join(strings.Fields(r.Header[canonical(h)][0]), " ")
		}
		headers.WriteString(h + ":" + value + "\n")
	}
	body := sha256.Sum256(r.Body)
	request := strings.Join([]string{r.Method, path, query, headers.String(), strings.Join(signed, ";"), hex.EncodeToString(body[:])}, "\n")
	digest := sha256.Sum256([]byte(request))
	key := once([]byte(name+"secret"), date)
	for _, step := range chain {
		key = once(key, step)
	}
	return once(key, name+"-HMAC-SHA256\n"+ts+"\n"+date+scope+"\n"+hex.EncodeToString(digest[:]))
}

// prepared is a signed request of one profile.
func prepared(tb testing.TB, name string) (*scheme.Scheme, *scheme.Key, *scheme.Request, scheme.Claims) {
	tb.Helper()
	s, err := library.Load(name)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := s.NewKey([]byte("secret"))
	if name == "sinch" {
		k, err = s.NewKey([]byte("c2VjcmV0")) // base64 of it
	}
	if err != nil {
		tb.Fatal(err)
	}
	claims := scheme.Claims{KeyID: "key-1", Nonce: "0123456789abcdef", Time: time.Unix(1763625600, 0)}
	r := scheme.Request{Method: "POST", Target: "/api/v1/cards?page=2&size=20", Scheme: "https", Host: "api.example", Body: []byte("{" + strings.Repeat("x", 255)),
		Header: map[string][]string{"Content-Type": {"application/json"}}, Vars: map[string]string{"region": "eu-west-1", "service": "s", "signed": "content-type;host;x-amz-date"}}
	if name == "tencent-tc3" {
		r.Vars = map[string]string{"service": "cvm", "signed": "content-type;host"}
	}
	fields, err := s.Sign(&k, &r, claims)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := scheme.Apply(&r, fields)
	if err != nil {
		tb.Fatal(err)
	}
	return s, &k, &signed, claims
}

// TestByHandIsTheSame: the yardstick computes what the profiles compute.
func TestByHandIsTheSame(t *testing.T) {
	for _, h := range ten() {
		s, k, r, claims := prepared(t, h.profile)
		var p scheme.Presented
		if f := s.Parse(r, &p); f != nil {
			t.Fatal(h.profile, f)
		}
		fields, err := s.Sign(k, r, claims)
		if err != nil {
			t.Fatal(h.profile, err)
		}
		if diff := cmp.Diff(h.sign(r, claims), fields); diff != "" {
			t.Errorf("%s: the function by hand sets other fields (-hand +profile):\n%s", h.profile, diff)
		}
		if !p.Proves(h.mac(r, p.TimeText)) || s.Verify(k, r, &p, nil) != nil {
			t.Errorf("%s: the function by hand gives another MAC", h.profile)
		}
	}
}

// BenchmarkRatio runs each profile and the function by hand in turns within one run, and reports how often the one fits into the other, from the best turn of each: the
// only figure that a busy machine does not spoil. "verify" is Verify alone and "all" is Parse, Fresh and Verify, against the MAC by hand; "sign" is Sign against the MAC by
// hand with the same fields made by hand.
func BenchmarkRatio(b *testing.B) {
	for _, h := range ten() {
		b.Run(h.profile, func(b *testing.B) {
			s, k, r, claims := prepared(b, h.profile)
			var p, again scheme.Presented
			if f := s.Parse(r, &p); f != nil {
				b.Fatal(f)
			}
			unsigned := *r
			var made []scheme.Field
			turns := []func(){
				func() { h.mac(r, p.TimeText) },
				func() { made = h.sign(r, claims) },
				func() {
					if s.Verify(k, r, &p, nil) != nil {
						b.Fatal("refused")
					}
				},
				func() {
					if s.Parse(r, &again) != nil || s.Fresh(&again, claims.Time, 0) != nil || s.Verify(k, r, &again, nil) != nil {
						b.Fatal("refused")
					}
				},
				func() {
					var err error
					if made, err = s.Sign(k, &unsigned, claims); err != nil {
						b.Fatal(err)
					}
				},
			}
			unsigned.Vars = map[string]string{"region": "eu-west-1", "service": "s", "signed": "content-type;host;x-amz-date"}
			if h.profile == "tencent-tc3" {
				unsigned.Vars = map[string]string{"service": "cvm", "signed": "content-type;host"}
			}
			best := []time.Duration{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64}
			b.ReportAllocs()
			for b.Loop() {
				for i, turn := range turns {
					start := time.Now()
					for range 20 {
						turn()
					}
					best[i] = min(best[i], time.Since(start))
				}
			}
			if len(made) == 0 {
				b.Fatal("nothing was signed")
			}
			b.ReportMetric(float64(best[2])/float64(best[0]), "verify/hand")
			b.ReportMetric(float64(best[3])/float64(best[0]), "all/hand")
			b.ReportMetric(float64(best[4])/float64(best[1]), "sign/hand")
			b.ReportMetric(float64(best[0])/20, "hand-ns")
			b.ReportMetric(float64(best[1])/20, "hand-sign-ns")
		})
	}
}

// TestPlainProfilesAllocateNothing: what is made of plain parts costs nothing more in language 2 than in language 1.
func TestPlainProfilesAllocateNothing(t *testing.T) {
	if raceDetector {
		return
	}
	for _, name := range []string{"finci", "countersign-v1", "bitmex", "valr", "hubspot-v3"} {
		s, k, r, claims := prepared(t, name)
		var p scheme.Presented
		var digest [32]byte
		allocs := testing.AllocsPerRun(300, func() {
			if s.Parse(r, &p) != nil || s.Fresh(&p, claims.Time, 0) != nil || s.Verify(k, r, &p, &digest) != nil {
				t.Fatal("refused")
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
