package scheme_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"unsafe"

	"countersign.dev/scheme"
)

func TestAgainstPlainHMAC(t *testing.T) {
	for name, h := range map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New, "hmac-sha384": sha512.New384, "hmac-sha512": sha512.New} {
		for _, length := range []int{1, 20, 63, 64, 65, 127, 128, 129, 1000} {
			for _, size := range []int{0, 1, 55, 64, 1000, 100000} {
				secret := strings.Repeat("s", length)
				d := finci()
				d.Algorithm = name
				s := mustCompile(t, d)
				k := mustKey(t, s, secret)
				r := scheme.Request{Method: "GET", Target: "/x", Body: jsonBody(size)}
				sign(t, s, &k, &r)
				mac := hmac.New(h, []byte(secret))
				io.WriteString(mac, "1763625600GET/x")
				mac.Write(r.Body)
				if got, want := r.Header["X-Auth-Signature"][0], hex.EncodeToString(mac.Sum(nil)); got != want {
					t.Errorf("%s, %d byte secret, %d byte body: %s, want %s", name, length, size, got, want)
				}
				if f := check(s, &k, &r); f != nil {
					t.Errorf("%s: %v", name, f)
				}
			}
		}
	}
}

func TestKeyIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(scheme.Key{}); size > 200 {
		t.Errorf("a Key has %d bytes", size)
	}
}

func TestVerifyAllocatesNothing(t *testing.T) {
	if raced {
		return // the race detector allocates; the ordinary run proves it
	}
	for _, d := range []scheme.Definition{finci(), separated("\n"), with(cat(name("ts"), name("method"), name("target"), call("hex", call("sha256", name("body")))))} {
		s, k, r := signedRequest(t, d, jsonBody(256))
		bad := r
		bad.Target = "/other"
		var p scheme.Presented
		var digest [32]byte
		allocs := testing.AllocsPerRun(500, func() {
			if s.Parse(&r, &p) != nil || s.Fresh(&p, signing, 0) != nil || s.Verify(&k, &r, &p, &digest) != nil || s.Verify(&k, &bad, &p, &digest) == nil {
				t.Fatal("wrong decision")
			}
		})
		if allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	}
}

func TestReplayDigestIgnoresSpelling(t *testing.T) {
	s, k, r := signedRequest(t, finci(), nil)
	digest := func(r *scheme.Request) (out [32]byte) {
		t.Helper()
		var p scheme.Presented
		if f := s.Parse(r, &p); f != nil {
			t.Fatal(f)
		}
		if f := s.Verify(&k, r, &p, &out); f != nil {
			t.Fatal(f)
		}
		return out
	}
	first := digest(&r)
	r.Header["X-Auth-Signature"][0] = strings.ToUpper(r.Header["X-Auth-Signature"][0])
	if digest(&r) != first {
		t.Error("upper case makes another replay key")
	}
	r.Target = "/other"
	sign(t, s, &k, &r)
	if digest(&r) == first || first == [32]byte{} {
		t.Error("another request has the same replay key")
	}
}

func nonced() scheme.Definition {
	d := with(call("join", lit("\n"), name("ts"), name("nonce"), name("method"), name("target"), name("body")))
	d.Wire = append(d.Wire, scheme.WireHeader{Name: "X-Nonce", Template: "{nonce}"})
	return d
}

func TestReplayDigestIsTheNonceWhereThereIsOne(t *testing.T) {
	s, k, r := signedRequest(t, nonced(), nil)
	var p scheme.Presented
	var first, second [32]byte
	if f := s.Parse(&r, &p); f != nil || s.Verify(&k, &r, &p, &first) != nil {
		t.Fatal(f)
	}
	r.Target = "/other"
	sign(t, s, &k, &r)
	if f := s.Parse(&r, &p); f != nil || s.Verify(&k, &r, &p, &second) != nil {
		t.Fatal(f)
	}
	if first != second || !s.HasNonce() || p.Nonce != "0123456789abcdef" {
		t.Error("one nonce has two replay keys")
	}
	for _, nonce := range []string{"", "short", strings.Repeat("n", 129), "0123456789abcde ", "0123456789abcde/"} {
		r.Header["X-Nonce"] = []string{nonce}
		if f := check(s, &k, &r); f == nil || f.Kind != scheme.FaultMalformed {
			t.Errorf("nonce %q: %v", nonce, f)
		}
	}
}

func TestStreaming(t *testing.T) {
	hashed := with(cat(name("ts"), name("method"), name("target"), call("hex", call("sha256", name("body")))))
	for _, d := range []scheme.Definition{finci(), separated("\n"), hashed} {
		body := jsonBody(100_000)
		s, k, r := signedRequest(t, d, body)
		want := r.Header["X-Auth-Signature"][0]
		bare := r
		bare.Body = nil
		fields, err := s.SignReader(&k, &bare, iotest.OneByteReader(bytes.NewReader(body)), scheme.Claims{KeyID: "token-1", Time: signing})
		if err != nil || fields[2].Value != want {
			t.Fatalf("%v %v, want %s", fields, err, want)
		}
		var p scheme.Presented
		if f := s.Parse(&bare, &p); f != nil {
			t.Fatal(f)
		}
		if f, err := s.VerifyReader(&k, &bare, bytes.NewReader(body), &p, nil); f != nil || err != nil {
			t.Error(f, err)
		}
		if f, err := s.VerifyReader(&k, &bare, bytes.NewReader(body[1:]), &p, nil); err != nil || f == nil {
			t.Error("a shortened body is accepted")
		}
		if f, err := s.VerifyReader(&k, &bare, iotest.ErrReader(io.ErrUnexpectedEOF), &p, nil); f != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a broken body: %v %v", f, err)
		}
	}
	s, k, r := signedRequest(t, finci(), nil)
	if _, err := s.SignReader(&k, &r, strings.NewReader("a=b"), scheme.Claims{KeyID: "k", Time: signing}); err == nil {
		t.Error("an ambiguous body can be streamed")
	}
	if _, err := s.SignReader(&k, &r, nil, scheme.Claims{KeyID: "k", Time: signing}); err != nil {
		t.Error(err)
	}
	twice := mustCompile(t, with(call("join", lit("\n"), name("ts"), name("method"), name("target"), call("hex", call("md5", name("body"))), name("body"))))
	if _, err := twice.SignReader(&k, &r, nil, scheme.Claims{}); !errors.Is(err, scheme.ErrNotStreaming) || twice.Streams() {
		t.Errorf("a body that is needed twice: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s, k, r := signedRequest(t, finci(), jsonBody(5000))
	bad := r
	bad.Body = jsonBody(5001)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if check(s, &k, &r) != nil || check(s, &k, &bad) == nil {
					t.Error("wrong decision")
				}
			}
		})
	}
	wg.Wait()
}

func TestSecretsMustFitTheProfile(t *testing.T) {
	key := func(e scheme.Expr) *scheme.Scheme { d := finci(); d.Key = e; return mustCompile(t, d) }
	secret := name("secret")
	svix := call("unb64", call("trim_prefix", secret, lit("whsec_")))
	for _, c := range []struct {
		what, secret string
		key          scheme.Expr
		ok           bool
	}{
		{"raw", "anything at all", secret, true},
		{"raw, empty", "", secret, false},
		{"hex", "00ff", call("unhex", secret), true},
		{"hex, upper", "00FF", call("unhex", secret), true},
		{"hex, odd", "00f", call("unhex", secret), false},
		{"hex, other letters", "00fg", call("unhex", secret), false},
		{"base64", "AAECAw==", call("unb64", secret), true},
		{"base64, trailing bits", "AAECAx==", call("unb64", secret), false},
		{"base64, line end", "AAECAw==\n", call("unb64", secret), false},
		{"base64, unpadded", "AAECAw", call("unb64", secret), false},
		{"base64url", "_-8=", call("unb64url", secret), true},
		{"prefixed", "whsec_AAECAw==", svix, true},
		{"prefix missing", "AAECAw==", svix, false},
		{"nothing behind the prefix", "whsec_", svix, false},
	} {
		_, err := key(c.key).NewKey([]byte(c.secret))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
		if err != nil && (!errors.Is(err, scheme.ErrSecret) || c.secret != "" && strings.Contains(err.Error(), c.secret)) {
			t.Errorf("%s: error %q", c.what, err)
		}
	}
}
