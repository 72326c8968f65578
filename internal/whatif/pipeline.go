package whatif

import (
	"slices"

	"countersign.dev/internal/access"
)

// The steps of the pipeline, as ARCHITECTURE.md has them. Which of them a request meets, and in what order, is the protocol's.
const (
	stepConnection     = "connection"
	stepFraming        = "framing"
	stepHost           = "host"
	stepShape          = "shape"
	stepTarget         = "target"
	stepHeaders        = "headers"
	stepAddress        = "address"
	stepAuthentication = "authentication"
	stepTime           = "time"
	stepSnapshot       = "snapshot"
	stepCredential     = "credential"
	stepBody           = "body"
	stepSignature      = "signature"
	stepToken          = "token"
	stepSecret         = "secret"
	stepReview         = "review"
	stepCertificate    = "client_certificate"
	stepNetwork        = "network"
	stepLimits         = "limits"
	stepReplay         = "replay"
	stepRecord         = "record"
	stepForward        = "forward"
	stepIssue          = "issue"
)

var stepTitles = map[string]string{
	stepConnection:     "the TLS connection stands",
	stepFraming:        "the bytes are one plain HTTP request",
	stepHost:           "the Host is one of this environment",
	stepShape:          "method, host and Connection header are harmless",
	stepTarget:         "the target is unambiguous, and an API has it",
	stepHeaders:        "header names, sender and declared length are admissible",
	stepAddress:        "the client's address is known",
	stepAuthentication: "the authentication headers are there and have their form",
	stepTime:           "the timestamp is within the window",
	stepSnapshot:       "the register is known, and fresh enough",
	stepCredential:     "the key id is one of this environment",
	stepBody:           "the body has arrived, whole and within its bounds",
	stepSignature:      "the signature fits a version that counts",
	stepToken:          "the access token is one of this app key, and has not ended",
	stepSecret:         "partner id and partner secret are right",
	stepReview:         "the partner is admitted",
	stepCertificate:    "the client certificate is one that the credential is bound to",
	stepNetwork:        "the address is one from which the partner may call",
	stepLimits:         "every limit has room",
	stepReplay:         "the request was not seen before",
	stepRecord:         "the record takes the decision",
	stepForward:        "the API behind answers",
	stepIssue:          "the token is made, or the secret changed",
}

// entrance are the steps before anything about who sends the request.
var entrance = []string{stepConnection, stepFraming, stepHost, stepShape, stepTarget, stepHeaders, stepAddress}

// kindOfCall says which pipeline a request has met.
type kindOfCall uint8

const (
	signedCall kindOfCall = iota
	tokenCall
	exchangeCall
)

func pipeline(kind kindOfCall) []string {
	rest := []string{stepAuthentication, stepTime, stepSnapshot, stepCredential, stepBody, stepSignature, stepReview, stepCertificate,
		stepNetwork, stepLimits, stepReplay, stepRecord, stepForward}
	switch kind {
	case tokenCall:
		rest = []string{stepAuthentication, stepSnapshot, stepCredential, stepToken, stepReview, stepCertificate, stepNetwork, stepBody,
			stepLimits, stepRecord, stepForward}
	case exchangeCall:
		rest = []string{stepAuthentication, stepSnapshot, stepCredential, stepBody, stepSecret, stepReview, stepLimits, stepRecord, stepIssue}
	}
	return slices.Concat(entrance, rest)
}

// failures say at which step a reason ends a request, where that does not depend on more.
var failures = map[access.Reason]string{
	access.MalformedFraming: stepFraming, access.UnknownHost: stepHost,
	access.MethodNotAllowed: stepShape, access.UpgradeNotAllowed: stepShape, access.HostMismatch: stepShape,
	access.MalformedTarget: stepTarget, access.UnknownAPI: stepTarget,
	access.HopByHopHeader: stepHeaders, access.BrowserRequest: stepHeaders, access.LengthRequired: stepHeaders,
	access.AddressUnknown: stepAddress,
	access.MissingHeader:  stepAuthentication, access.DuplicateHeader: stepAuthentication,
	access.MalformedTime: stepAuthentication, access.StaleTimestamp: stepTime, access.FutureTimestamp: stepTime,
	access.UnknownCredential: stepCredential, access.WrongEnvironment: stepCredential,
	access.UnsupportedMedia: stepBody, access.BodyTimeout: stepBody, access.MalformedBody: stepBody, access.AmbiguousBody: stepBody,
	access.BodyNotSeen: stepBody, access.TokenEndpointElsewhere: stepTarget, access.UnknownProxy: stepConnection, access.MalformedCheck: stepFraming,
	access.MissingParameter: stepBody, access.SecretPolicy: stepSecret,
	access.BadSignature: stepSignature, access.InvalidToken: stepToken, access.ExpiredToken: stepToken,
	access.BadSecret: stepSecret, access.Locked: stepSecret, access.UnprovedAddress: stepSecret, access.Throttled: stepSecret,
	access.NotApproved: stepReview, access.Suspended: stepReview, access.ClientCertificate: stepCertificate,
	access.AddressNotListed: stepNetwork, access.CountryNotAllowed: stepNetwork,
	access.RateLimited: stepLimits, access.QuotaExceeded: stepLimits, access.Replayed: stepReplay,
	access.SnapshotStale:       stepSnapshot,
	access.UpstreamUnreachable: stepForward, access.UpstreamTimeout: stepForward, access.UpstreamInvalid: stepForward,
}

// trace is what decides where in its pipeline a request ended.
type trace struct {
	kind    kindOfCall
	reason  access.Reason
	where   bool // the line names a header or parameter
	known   bool // the credential was found
	proved  bool
	allowed bool
}

// failed are the steps of which one failed; more than one where the record does not say which. None: it passed all.
func (t trace) failed() []string {
	if t.reason == access.Allowed {
		return nil
	}
	switch t.reason {
	case access.MalformedHeader:
		return t.either(t.where, stepAuthentication, stepHeaders)
	case access.MissingHeader, access.DuplicateHeader:
		if t.kind == tokenCall && t.known {
			return []string{stepToken}
		}
	case access.BodyTooLarge:
		return t.either(t.known, stepBody, stepHeaders)
	case access.RevokedCredential:
		return t.either(t.kind == signedCall, stepSignature, stepCredential)
	case access.WrongEnvironment:
		return t.either(t.known, stepToken, stepCredential)
	case access.Overloaded, access.Unavailable, access.Internal, access.ClientGone, access.Unset:
		return t.ours()
	}
	return t.within(failures[t.reason])
}

func (t trace) either(first bool, one, other string) []string {
	if first {
		return t.within(one)
	}
	return t.within(other)
}

// within gives steps that the request's pipeline has; a reason that does not belong there leaves open what failed.
func (t trace) within(steps ...string) []string {
	all := pipeline(t.kind)
	steps = slices.DeleteFunc(steps, func(s string) bool { return !slices.Contains(all, s) })
	if len(steps) == 0 {
		return t.ours()
	}
	return steps
}

// ours are the steps at which we, or the caller's patience, can have failed: those that need something of ours, on the side of
// the proof on which the request was.
func (t trace) ours() []string {
	switch {
	case t.allowed:
		return t.within(stepForward, stepIssue)
	case t.proved && t.kind == tokenCall:
		return t.within(stepBody, stepLimits, stepRecord, stepForward)
	case t.proved:
		return t.within(stepLimits, stepReplay, stepRecord, stepForward, stepIssue)
	case t.kind == exchangeCall && t.known:
		return t.within(stepBody, stepSecret, stepRecord)
	case t.known:
		return t.within(stepSnapshot, stepBody)
	case t.reason == access.Unavailable:
		return []string{stepSnapshot}
	}
	return t.within(stepSnapshot, stepBody)
}

// steps are all steps of the request's pipeline with their states.
func (t trace) steps() []Step {
	failed, all := t.failed(), pipeline(t.kind)
	out := make([]Step, 0, len(all))
	left := len(failed)
	for _, name := range all {
		s := Step{Name: name, Title: stepTitles[name], State: Passed}
		switch {
		case slices.Contains(failed, name):
			if s.State = Failed; len(failed) > 1 {
				s.State = Unclear
			}
			left--
		case len(failed) > 0 && left == 0:
			s.State = NotReached
		case len(failed) > 0 && left < len(failed):
			s.State = Unclear // between two of those of which one failed
		}
		out = append(out, s)
	}
	return out
}
