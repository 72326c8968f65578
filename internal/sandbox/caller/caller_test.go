package caller_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/sandbox/caller"
)

func TestParse(t *testing.T) {
	header := func(env, partner []string) http.Header {
		return http.Header{caller.EnvironmentHeader: env, caller.PartnerHeader: partner}
	}
	long := strings.Repeat("p", caller.MaxNameBytes)
	for _, tc := range []struct {
		name   string
		header http.Header
		only   string
		want   caller.Caller
		err    error
	}{
		{"any environment", header([]string{"e"}, []string{"p"}), "", caller.Caller{Environment: "e", Partner: "p"}, nil},
		{"this environment", header([]string{"e"}, []string{long}), "e", caller.Caller{Environment: "e", Partner: long}, nil},
		{"another environment", header([]string{"E"}, []string{"p"}), "e", caller.Caller{}, caller.ErrEnvironment},
		{"nobody", nil, "", caller.Caller{}, caller.ErrUnnamed},
		{"doubled, even when equal", header([]string{"e"}, []string{"p", "p"}), "", caller.Caller{}, caller.ErrUnnamed},
		{"empty", header([]string{""}, []string{"p"}), "", caller.Caller{}, caller.ErrUnnamed},
		{"control byte", header([]string{"e"}, []string{"p\x00"}), "", caller.Caller{}, caller.ErrUnnamed},
		{"too long", header([]string{"e"}, []string{long + "p"}), "", caller.Caller{}, caller.ErrUnnamed},
	} {
		got, err := caller.Parse(tc.header, tc.only)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: got %v %v, want %v %v", tc.name, got, err, tc.want, tc.err)
		}
	}
}

func TestRule10KeysDoNotRunTogether(t *testing.T) {
	states, err := caller.NewStates(4, func(caller.Caller) *int { return new(int) })
	if err != nil {
		t.Fatal(err)
	}
	a := caller.Caller{Environment: "ab", Partner: "c"}
	b := caller.Caller{Environment: "a", Partner: "bc"}
	one, _ := states.Of(a)
	other, _ := states.Of(b)
	again, _ := states.Of(a)
	if one == other || one != again {
		t.Errorf("states %p %p %p: want different for different callers and the same for the same", one, other, again)
	}
}

func TestStatesAreBoundedAndNeverEvicted(t *testing.T) {
	states, err := caller.NewStates(1, func(caller.Caller) *int { return new(int) })
	if err != nil {
		t.Fatal(err)
	}
	kept, err := states.Of(caller.Caller{Partner: "first"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := states.Of(caller.Caller{Partner: "second"}); !errors.Is(err, caller.ErrFull) {
		t.Errorf("second: got %v, want ErrFull", err)
	}
	if again, err := states.Of(caller.Caller{Partner: "first"}); err != nil || again != kept {
		t.Errorf("first: got %p %v, want %p", again, err, kept)
	}
	if _, err := caller.NewStates(0, func(caller.Caller) *int { return nil }); err == nil {
		t.Error("a bound of zero: no error")
	}
	if _, err := caller.NewStates[int](1, nil); err == nil {
		t.Error("no fresh: no error")
	}
}
