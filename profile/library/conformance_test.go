package library_test

import (
	"slices"
	"strings"
	"testing"

	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// ownVectors are the profiles whose examples are ours: they have a form of their own, with refusals.
var ownVectors = []string{"countersign-v1", "finci"}

// published calls f for every example that a vendor has published, with its profile.
func published(t *testing.T, f func(t *testing.T, p *profile.Profile, v *profile.Vector)) (n int) {
	t.Helper()
	for _, name := range library.Names() {
		if slices.Contains(ownVectors, name) {
			continue
		}
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := library.FS.ReadFile(name + ".vectors.json")
		if err != nil {
			t.Fatal(err)
		}
		list, err := profile.LoadVectors(name+".vectors.json", raw)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			t.Run(list[i].ID, func(t *testing.T) { f(t, p, &list[i]) })
			n++
		}
	}
	return n
}

// TestEveryPublishedExample holds the library against what vendors published: 83 examples of 53 vendors, the 26 cases of the AWS suite, and 17 more of 12
// schemes. Signing gives the published
// value, verifying accepts it, and refuses another signature and another secret.
func TestEveryPublishedExample(t *testing.T) {
	n := published(t, func(t *testing.T, p *profile.Profile, v *profile.Vector) {
		if r := profile.Run(p, v); !r.OK {
			t.Errorf("%s\n got %q\nwant %q", r.Problem, r.Canonical, r.Want)
		}
	})
	if n != 83+26+17 {
		t.Errorf("%d examples, want 83, 26 and 17", n)
	}
}

// signedVector is a vector's request with its signature on the wire.
func signedVector(t *testing.T, p *profile.Profile, v *profile.Vector) (*scheme.Scheme, *scheme.Key, scheme.Request) {
	t.Helper()
	s, err := p.Alternative(v.Alternative)
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.NewKeyParts(v.Secret, v.Parts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := v.Request()
	if err != nil {
		t.Fatal(err)
	}
	result := profile.Run(p, v)
	if !result.OK {
		t.Fatal(result.Problem)
	}
	signed, err := scheme.Apply(&r, result.Fields)
	if err != nil {
		t.Fatal(err)
	}
	signed.Vars = v.Vars
	return s, &key, signed
}

func accepts(s *scheme.Scheme, k *scheme.Key, r *scheme.Request) bool {
	var p scheme.Presented
	return s.Parse(r, &p) == nil && s.Verify(k, r, &p, nil) == nil
}

// deaf lists what a part of an example may hold that its scheme ignores on purpose: white space, parameters that are left out, other spellings. It is the list of
// exceptions to the test below, each said in the profile by "ambiguous" as well.
var deaf = map[string]string{
	"cloudinary body": "the vendor does not sign the parameter file",
	"lazada query":    "the changed byte is a hexadecimal digit of the signature, which has two cases",
}

// TestRule2EveryPartOfEveryLibraryProfile changes every part of every published example. What the profile does not list as uncovered must be refused.
func TestRule2EveryPartOfEveryLibraryProfile(t *testing.T) {
	published(t, func(t *testing.T, p *profile.Profile, v *profile.Vector) {
		s, key, r := signedVector(t, p, v)
		if !accepts(s, key, &r) {
			t.Fatal("the example itself is refused")
		}
		signedBase := signedRequest{scheme: s, req: r}
		for _, m := range mutations(&r) {
			open := slices.Contains(s.Uncovered(), m.part) || s.Webhook() && m.part != "body"
			changed := signedBase.clone()
			m.apply(&changed)
			if !open && accepts(s, key, &changed) && deaf[v.ID+" "+m.part] == "" {
				t.Errorf("a changed %s is accepted: %s %q %q", m.part, changed.Method, changed.Target, changed.Body)
			}
		}
		for name := range r.Header {
			if !slices.Contains(s.SignedHeaders(), name) {
				continue
			}
			changed := signedBase.clone()
			changed.Header[name][0] = lastByte(changed.Header[name][0])
			if accepts(s, key, &changed) {
				t.Errorf("a changed %s is accepted", name)
			}
		}
	})
}

// TestRule20EveryLibraryProfileRefusesDoubles gives every credential twice, in a header or in the query.
func TestRule20EveryLibraryProfileRefusesDoubles(t *testing.T) {
	published(t, func(t *testing.T, p *profile.Profile, v *profile.Vector) {
		s, key, r := signedVector(t, p, v)
		base := signedRequest{scheme: s, req: r}
		for _, name := range s.Headers() {
			changed := base.clone()
			if len(changed.Header[name]) == 0 {
				continue
			}
			changed.Header[name] = append(changed.Header[name], changed.Header[name][0])
			if accepts(s, key, &changed) {
				t.Errorf("%s is accepted twice", name)
			}
		}
		_, query, _ := strings.Cut(r.Target, "?")
		for _, field := range profile.Run(p, v).Fields {
			if field.In == scheme.InQuery {
				changed := base.clone()
				for _, item := range strings.Split(query, "&") {
					if name, _, _ := strings.Cut(item, "="); name == field.Name {
						changed.Target += "&" + item
					}
				}
				if changed.Target != r.Target && accepts(s, key, &changed) {
					t.Errorf("%s is accepted twice", field.Name)
				}
			}
		}
	})
}
