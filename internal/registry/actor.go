package registry

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/operator"
)

// ActorKind says what sort of actor changed something.
type ActorKind string

// The kinds of actor. Only operators approve; partners change nothing but their own secret, over the wire; members, who are people
// of a partner, what DoAsMember lets them.
const (
	Operator   ActorKind = "operator"    // a person: an account's login, or the operating system's user of the local command line
	Service    ActorKind = "service"     // a service account
	BreakGlass ActorKind = "break_glass" // whoever opened a break-glass code; acts without a second person
	Partner    ActorKind = "partner"
	Member     ActorKind = "member" // a person of a partner, by the login of the portal
	System     ActorKind = "system"
)

// Actor is who changes something. The zero value is nobody and may change nothing. The local command line's actor is the
// operating system's user: whoever has the disk is root (design decision 14).
type Actor struct {
	Kind ActorKind
	Name string // 1 to 200 bytes, one line: a user's name, a partner's login, a part of the system
}

// ActorOf is in whose name a principal of the admin API acts. Of the zero principal it is nobody.
func ActorOf(p operator.Principal) Actor {
	switch p.Kind {
	case operator.KindAccount:
		return Actor{Kind: Operator, Name: p.Name}
	case operator.KindService:
		return Actor{Kind: Service, Name: p.Name}
	case operator.KindBreakGlass:
		return Actor{Kind: BreakGlass, Name: p.Name}
	case operator.KindMember:
		return Actor{Kind: Member, Name: p.Name}
	}
	return Actor{}
}

// String is the form in which an actor is written down and compared: "operator:alice".
func (a Actor) String() string { return string(a.Kind) + ":" + a.Name }

// manages returns nil if a may use the operators' use cases.
func (a Actor) manages() error {
	switch a.Kind {
	case Operator, Service, BreakGlass, System:
	default:
		return fmt.Errorf("%w: %q is no operator", ErrActor, a.Kind)
	}
	return a.named()
}

// asks returns nil if a proposal may have been made in a's name.
func (a Actor) asks() error {
	if a.Kind == Member {
		return a.named()
	}
	return a.manages()
}

// named returns nil if a has a name that can stand in the record.
func (a Actor) named() error {
	if a.Name == "" || strings.TrimSpace(a.Name) != a.Name || checkLine("an actor's name", a.Name, 200) != nil {
		return fmt.Errorf("%w: an actor has a name of one line", ErrActor)
	}
	return nil
}

// checkLine refuses text that could not stand in one line of a listing: control and format characters, line separators.
func checkLine(what, text string, limit int) error {
	if len(text) > limit {
		return fmt.Errorf("%w: %s has at most %d bytes", ErrArgument, what, limit)
	}
	bad := func(r rune) bool {
		return unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, bad) {
		return fmt.Errorf("%w: %s is one line of valid UTF-8 without control characters", ErrArgument, what)
	}
	return nil
}

// checkEnvironment allows what can stand in a path, a header and a file name alike.
func checkEnvironment(name string) error {
	ok := name != "" && len(name) <= 63 && name[0] != '-' && name[0] != '_'
	for i := range len(name) {
		c := name[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if !ok {
		return fmt.Errorf("%w: an environment's name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter or digit", ErrArgument)
	}
	return nil
}
