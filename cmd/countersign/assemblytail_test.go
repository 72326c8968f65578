package main

import (
	"errors"
	"testing"
	"time"

	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// TestAStreamKeepsNoSessionAlive: to ask whether somebody is signed in still is no use of the session, and whatever ends or changes
// what they may is seen.
func TestAStreamKeepsNoSessionAlive(t *testing.T) {
	d := openDev(t)
	d = &devServer{assembly: &assembly{register: d.register, now: clock}, state: d.state} // with a clock that nothing else reads
	terms := registry.SessionTerms{Idle: 10 * time.Minute, Absolute: time.Hour}
	signedIn := func() operators.Principal {
		t.Helper()
		in, err := d.register.SignInDemo(t.Context(), demoLogin, "127.0.0.1", terms)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.register.Principal(t.Context(), operators.SessionToken, string(in.Token.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ended := func(what string, p operators.Principal) {
		t.Helper()
		if err := d.stillSignedIn(t.Context(), p); !errors.Is(err, operators.ErrNotSignedIn) {
			t.Errorf("%s: %v", what, err)
		}
	}
	who := signedIn()
	for passed := time.Duration(0); passed < 10*time.Minute; passed += 3 * time.Minute {
		d.now = func() time.Time { return clock().Add(passed) }
		if err := d.stillSignedIn(t.Context(), who); err != nil {
			t.Fatalf("after %s: %v", passed, err)
		}
	}
	d.now = func() time.Time { return clock().Add(11 * time.Minute) }
	ended("without a use for longer than the idle time", who)
	d.now = clock

	who = signedIn()
	less := who
	less.Roles = less.Roles[:1]
	ended("other roles", less)
	confined := who
	confined.Environments = []string{}
	ended("another scope", confined)
	gone := who
	gone.SessionID = "ses_gone"
	ended("another session", gone)
	ended("a member", operators.Principal{Kind: operators.KindMember, ID: who.ID, SessionID: who.SessionID})
	ended("nobody", operators.Principal{})
	if err := d.register.EndSession(t.Context(), devApprover, who.SessionID); err != nil {
		t.Fatal(err)
	}
	ended("a session that was ended", who)

	who = signedIn()
	if _, err := d.register.DemoAccount(t.Context(), devRequester, "second@localhost", []operators.Role{operators.Admin}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.register.DisableAccount(t.Context(), devApprover, who.ID, "for a test"); err != nil {
		t.Fatal(err)
	}
	ended("an account that was disabled", who)
}

func TestAStreamOfAProgramEndsWithItsToken(t *testing.T) {
	d := openDev(t)
	d = &devServer{assembly: &assembly{register: d.register, now: clock}, state: d.state} // with a clock that nothing else reads
	p, err := d.register.Principal(t.Context(), operators.ServiceToken, d.state.Service.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.stillSignedIn(t.Context(), p); err != nil {
		t.Errorf("a program: %v", err)
	}
	d.now = func() time.Time { return clock().Add(demoServiceIn + time.Hour) }
	if err := d.stillSignedIn(t.Context(), p); !errors.Is(err, operators.ErrNotSignedIn) {
		t.Errorf("after its end: %v", err)
	}
}
