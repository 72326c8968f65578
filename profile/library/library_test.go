package library_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/profile"
	"countersign.dev/profile/library"
)

func TestEveryProfileLoads(t *testing.T) {
	if n := len(library.Names()); n < 71 {
		t.Errorf("%d profiles", n)
	}
	for _, name := range library.Names() {
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name() != name || p.Title() == "" || p.Source() == "" {
			t.Errorf("%s: name %q, title %q, source %q", name, p.Name(), p.Title(), p.Source())
		}
		for _, alternative := range p.Names() {
			if s, err := library.Load(name + "/" + alternative); err != nil || s.Name() != name+"/"+alternative {
				t.Errorf("%s/%s: %v", name, alternative, err)
			}
		}
	}
}

// TestFinciListsTheKnownAlternatives: the seed leaves order and separators open, so that each reading of it must be one word away.
func TestFinciListsTheKnownAlternatives(t *testing.T) {
	p, err := library.Profile("finci")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"body-hash", "body-only", "dot", "lf", "path-without-query", "pipe", "time-path"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(p.Names()))); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(p.Title()+p.Source(), "assumption") {
		t.Error("the profile does not say that it is our assumption")
	}
}

func TestUnknownNames(t *testing.T) {
	for name, want := range map[string]error{
		"": library.ErrUnknown, "finic": library.ErrUnknown, "finci/": library.ErrUnknown, "finci/lff": profile.ErrNoAlternative, "finci/lf/x": profile.ErrNoAlternative,
		"../finci": library.ErrUnknown, "testdata/vendors/bitmex": library.ErrUnknown, "finci.yaml": library.ErrUnknown, "FINCI": library.ErrUnknown,
	} {
		if s, err := library.Load(name); s != nil || !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if _, err := library.Load("finic"); err == nil || !strings.Contains(err.Error(), `did you mean "finci"?`) {
		t.Error(err)
	}
}
