// Package tokens owns the token endpoint: Partner Authentication (POST), which exchanges a partner id and secret for an
// access token, and Modify Partner Secret (PUT). It reads the two forms of the body, XML and JSON, itself and strictly, so
// that one text never means two things (security rule 27), and answers in the form that the caller asked for.
//
// It refuses before it guesses: doubled names, DTDs, a second document behind the first, anything over 16 KiB or 8 levels.
// It answers the attacks on a door with passwords: a stranger who would lock a partner out (nothing is counted for an
// address from which the partner may not authenticate, security rule 30), a guesser from one source (a throttle that
// failures feed, and a queue that lets few of one source try at once), a prober for ids (unknown id, wrong secret and wrong
// address are one answer, rule 9), and the secret that ends up in a log (secrets stay in byte slices, which are wiped,
// rule 33).
package tokens

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// MaxBody is how many bytes the body of a call may have (security rule 27). The pipeline refuses a longer one before it
// comes here; Serve would refuse it too.
const MaxBody = access.TokenBodyLimit

// Registry proves partners and changes their secrets. It must be safe for concurrent use, must count, lock and hash by
// itself, and must not keep the slices. Any error means that nothing is proved; an outcome beside an error is ignored.
type Registry interface {
	// Authenticate proves presented to be the secret of the app credential, and login to be its partner id.
	Authenticate(ctx context.Context, credentialID, login string, presented []byte) (registry.Outcome, error)
	// ChangeSecret does the same with the old secret and puts the new one in force; with immediate the old one ends now.
	ChangeSecret(ctx context.Context, credentialID, login string, old, new []byte, immediate bool) (registry.Outcome, error)
}

// Issuer makes access tokens. *access.Decider is one. It must be safe for concurrent use.
type Issuer interface {
	// Issue seals a token for the app credential and the API of d.
	Issue(d *access.Decision, now time.Time) (token string, err error)
	// Admitted is access.Allowed, or why the partner of d is refused in this environment although it proved itself.
	Admitted(d *access.Decision) access.Reason
}

// Config says what an Exchange works with.
type Config struct {
	Registry Registry         // must be set
	Issuer   Issuer           // must be set
	Now      func() time.Time // must be set; safe for concurrent use
	Throttle Throttle         // the zero value has the defaults
}

// Exchange serves token endpoints of any number of APIs. Create it with New; safe for concurrent use; nothing to close.
type Exchange struct {
	cfg      Config
	throttle *throttle
	queues   *queues
}

// New checks cfg and makes an Exchange. It does no I/O.
func New(cfg Config) (*Exchange, error) {
	if cfg.Registry == nil || cfg.Issuer == nil || cfg.Now == nil {
		return nil, errors.New("tokens: a registry, an issuer and a clock are needed")
	}
	t, err := newThrottle(cfg.Throttle)
	if err != nil {
		return nil, err
	}
	return &Exchange{cfg, t, newQueues(cfg.Throttle)}, nil
}

// Serve answers one call to the token endpoint of d.API. The pipeline has let it come so far: d.Reason is access.Allowed,
// d.API, d.Partner, d.Credential, d.Address and d.Unproved are set, and the Content-Type is one that the API takes. body is
// the whole body; Serve decodes it in place and wipes it before it returns. Of header it reads Accept and Content-Type,
// nothing else: an old Finicity-App-Token is ignored here. Serve writes Reason, Where, Detail, Cause and Proved of d for the
// decision line; the answer is complete but for the headers that the gateway gives every answer.
//
// admit is asked once before anything that lasts: for a POST when the caller has proved itself and is admitted, before its
// token is made; for a PUT, where proof and change are one step, right before that, with d.Proved still false. Whatever it
// returns but access.Allowed is the outcome, with what it wrote to d. nil: nobody is asked.
func (e *Exchange) Serve(ctx context.Context, method string, header http.Header, body []byte, d *access.Decision, admit func(context.Context) access.Reason) problem.Answer {
	defer secret.Wipe(body)
	now, format := e.cfg.Now(), problem.Negotiate(header["Accept"], header["Content-Type"])
	if admit == nil {
		admit = func(context.Context) access.Reason { return access.Allowed }
	}
	token, v := e.decide(ctx, &attempt{method: method, header: header, body: body, d: d, admit: admit, now: now})
	d.Reason, d.Where, d.Detail = v.reason, v.where, v.detail
	if v.cause != nil {
		d.Cause = v.cause
	}
	switch {
	case v.reason != access.Allowed:
		return refusal(d, v, format, now)
	case method == http.MethodPut:
		return changed()
	}
	return granted(token, format)
}

// verdict is why a call ends. The zero value refuses.
type verdict struct {
	reason        access.Reason
	where, detail string
	cause         error
	retry         time.Duration // with Throttled: when the next attempt is taken
}

var allowed = verdict{reason: access.Allowed}

// attempt is one call under way.
type attempt struct {
	method string
	header http.Header
	body   []byte
	d      *access.Decision
	admit  func(context.Context) access.Reason
	now    time.Time
	f      form
	change bool // the secret, not only proof of it
}

// asked is what admit says, as a verdict.
func (t *attempt) asked(ctx context.Context) verdict {
	if reason := t.admit(ctx); reason != access.Allowed {
		return verdict{reason: reason, where: t.d.Where, detail: t.d.Detail, cause: t.d.Cause}
	}
	return allowed
}

func (e *Exchange) decide(ctx context.Context, t *attempt) (string, verdict) {
	d := t.d
	if d.Reason != access.Allowed || d.API == nil || d.Credential == nil {
		return "", verdict{reason: access.Internal, cause: errors.New("token exchange: called for a decision that does not allow it")}
	}
	var v verdict
	if t.f, v = read(t.method, t.header["Content-Type"], t.body); v.reason != access.Allowed {
		return "", v
	}
	admitted := e.cfg.Issuer.Admitted(d)
	t.change = t.method == http.MethodPut && admitted == access.Allowed
	if v = e.attempt(ctx, t); v.reason != access.Allowed {
		return "", v
	}
	d.Proved = true
	if t.method == http.MethodPost && admitted == access.Allowed {
		admitted = e.cfg.Issuer.Admitted(d) // the queue and the hash took their time; a secret that was changed stays so, and is told
	}
	if admitted != access.Allowed {
		return "", verdict{reason: admitted}
	}
	if t.method == http.MethodPut { // gets no token
		return "", allowed
	}
	if v = t.asked(ctx); v.reason != access.Allowed {
		return "", v
	}
	return e.issue(d, e.cfg.Now())
}

// attempt is what one source may do once it has asked properly: nothing while it is throttled, nothing that counts from an
// address that proves nothing, and otherwise one try in its turn. The throttle is asked again when the turn has come,
// because those in front may have used up what was left; and what this try costs is taken before the next has its turn.
func (e *Exchange) attempt(ctx context.Context, t *attempt) verdict {
	d := t.d
	from := sourceOf(d.API.Environment, d.Address)
	if wait := e.throttle.wait(from, t.now); wait > 0 {
		return verdict{reason: access.Throttled, retry: wait}
	}
	if d.Unproved {
		return verdict{reason: access.UnprovedAddress, where: d.Where}
	}
	leave, v := e.queues.enter(ctx, from)
	defer leave()
	now := e.cfg.Now()
	if v.reason == access.Allowed {
		if wait := e.throttle.wait(from, now); wait > 0 {
			return verdict{reason: access.Throttled, retry: wait}
		}
		v = e.prove(ctx, t)
	}
	switch v.reason {
	case access.BadSecret, access.Locked:
		e.throttle.charge(from, failure, now)
	case access.Overloaded:
		e.throttle.charge(from, turnedAway, now)
	}
	return v
}

// prove asks the registry. A secret is changed only for a partner that is admitted; one that is not proves itself and hears
// why, and its secret stays.
func (e *Exchange) prove(ctx context.Context, t *attempt) verdict {
	f, credentialID := t.f, t.d.Credential.ID
	login, old := string(f[partnerID]), f[partnerSecret]
	var outcome registry.Outcome
	var err error
	if t.change {
		if v := t.asked(ctx); v.reason != access.Allowed {
			return v
		}
		immediate, _ := f.immediate()
		outcome, err = e.cfg.Registry.ChangeSecret(ctx, credentialID, login, old, f[newPartnerSecret], immediate)
	} else {
		outcome, err = e.cfg.Registry.Authenticate(ctx, credentialID, login, old)
	}
	if err != nil {
		return broken(ctx, err)
	}
	switch outcome {
	case registry.Proved:
		return allowed
	case registry.Wrong:
		return verdict{reason: access.BadSecret}
	case registry.Locked:
		return verdict{reason: access.Locked}
	case registry.Busy:
		return verdict{reason: access.Overloaded}
	}
	return verdict{reason: access.Internal, cause: fmt.Errorf("token exchange: unknown outcome %d", outcome)}
}

func broken(ctx context.Context, err error) verdict {
	if errors.Is(ctx.Err(), context.Canceled) {
		return verdict{reason: access.ClientGone, cause: fmt.Errorf("token exchange: %w", err)}
	}
	return verdict{reason: access.Unavailable, cause: fmt.Errorf("token exchange: %w", err)}
}

// issue makes the token of a POST.
func (e *Exchange) issue(d *access.Decision, now time.Time) (string, verdict) {
	token, err := e.cfg.Issuer.Issue(d, now)
	switch {
	case err != nil:
		return "", verdict{reason: access.Internal, cause: fmt.Errorf("token exchange: issue: %w", err)}
	case !isPlainToken(token):
		return "", verdict{reason: access.Internal, cause: errors.New("token exchange: the issued token is empty or not plain text")}
	}
	return token, allowed
}
