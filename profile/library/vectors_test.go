package library_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// vector is one of our own examples, computed by testdata/make_vectors.py.
type vector struct {
	ID              string      `json:"id"`
	Profile         string      `json:"profile"`
	Alternative     string      `json:"alternative"`
	Method          string      `json:"method"`
	Target          string      `json:"target"`
	Body            string      `json:"body"`
	BodyBase64      []byte      `json:"body_base64"`
	SecretHex       string      `json:"secret_hex"`
	KeyID           string      `json:"key_id"`
	TS              int64       `json:"ts"`
	Nonce           string      `json:"nonce"`
	Canonical       string      `json:"canonical"`
	CanonicalBase64 []byte      `json:"canonical_base64"`
	Signature       string      `json:"signature"`
	Send            [][2]string `json:"send"`
	Now             int64       `json:"now"`
	Expect          string      `json:"expect"`
}

func vectors(t *testing.T, name string) []vector {
	t.Helper()
	raw, err := library.FS.ReadFile(name + ".vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Profile, About string
		Vectors        []vector
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if file.Profile != name || len(file.Vectors) < 30 {
		t.Fatalf("%s: %d vectors of %s", name, len(file.Vectors), file.Profile)
	}
	return file.Vectors
}

func (v *vector) scheme(t *testing.T) (*scheme.Scheme, scheme.Key) {
	t.Helper()
	s, err := library.Load(strings.TrimSuffix(v.Profile+"/"+v.Alternative, "/"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.NewKey(unhex(t, v.SecretHex))
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

func (v *vector) request() scheme.Request {
	r := scheme.Request{Method: v.Method, Target: v.Target, Header: map[string][]string{}, Body: append([]byte(v.Body), v.BodyBase64...)}
	for _, h := range v.Send {
		name := canonical(h[0])
		r.Header[name] = append(r.Header[name], h[1])
	}
	return r
}

// decide is what a verifier does: form, freshness, signature.
func decide(s *scheme.Scheme, k *scheme.Key, r *scheme.Request, now int64) string {
	var p scheme.Presented
	if f := s.Parse(r, &p); f != nil {
		return f.Kind.String()
	}
	if f := s.Fresh(&p, time.Unix(now, 0), 0); f != nil {
		return f.Kind.String()
	}
	if f := s.Verify(k, r, &p, nil); f != nil {
		return f.Kind.String()
	}
	return "accept"
}

func TestOwnVectors(t *testing.T) {
	for _, name := range ownVectors {
		for _, v := range vectors(t, name) {
			t.Run(v.ID, func(t *testing.T) { v.test(t) })
		}
	}
}

func (v *vector) test(t *testing.T) {
	s, k := v.scheme(t)
	r := v.request()
	if got := decide(s, &k, &r, v.Now); got != v.Expect {
		t.Errorf("%s, want %s", got, v.Expect)
	}
	if v.Expect != "accept" {
		return
	}
	bare := r
	bare.Header = nil
	fields, err := s.Sign(&k, &bare, scheme.Claims{KeyID: v.KeyID, Time: time.Unix(v.TS, 0), Nonce: v.Nonce})
	if err != nil {
		t.Fatal(err)
	}
	var sent, signed [][2]string
	for i, f := range fields {
		signed = append(signed, [2]string{f.Name, f.Value})
		sent = append(sent, [2]string{v.Send[i][0], strings.ToLower(v.Send[i][1])})
		if f.Name == "X-Api-Key" || f.Name == "X-Auth-Token" || f.Name == "X-Nonce" {
			sent[i] = v.Send[i]
		}
	}
	if diff := cmp.Diff(sent, signed); diff != "" {
		t.Errorf("headers (-vector +ours):\n%s", diff)
	}
	var p scheme.Presented
	if f := s.Parse(&r, &p); f != nil {
		t.Fatal(f)
	}
	canonical, err := s.Canonical(&r, &p)
	if want := v.Canonical + string(v.CanonicalBase64); err != nil || string(canonical) != want {
		t.Errorf("canonical %q, want %q (%v)", canonical, want, err)
	}
	exercise(t, &signedRequest{s, k, r})
}

// TestVectorsAreWhatTheScriptMakes runs the independent script again: nobody edits the expected values by hand.
func TestVectorsAreWhatTheScriptMakes(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is missing; .ci/run must install it")
		}
		t.Skip("python3 is missing: this test needs it")
	}
	for _, name := range ownVectors {
		made, err := exec.Command(python, "testdata/make_vectors.py", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		kept, err := library.FS.ReadFile(name + ".vectors.json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(kept), string(made)); diff != "" {
			t.Errorf("%s.vectors.json:\n%.2000s", name, diff)
		}
	}
}

func TestVectorsCoverEveryAlternativeAndFault(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range ownVectors {
		for _, v := range vectors(t, name) {
			seen[v.Profile+"/"+v.Alternative] = true
			seen[v.Expect] = true
		}
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, alternative := range append(p.Names(), "") {
			if !seen[name+"/"+alternative] {
				t.Errorf("no vector for %s/%s", name, alternative)
			}
		}
	}
	for kind := scheme.FaultMissing; kind < scheme.FaultUnsignable; kind++ {
		if !seen[kind.String()] {
			t.Errorf("no vector expects %s", kind)
		}
	}
}
