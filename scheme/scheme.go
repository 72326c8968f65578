package scheme

import (
	"slices"
	"sync"
	"time"
)

// Scheme is a compiled signing scheme. It is made by Compile, never changes, and is safe for concurrent use.
type Scheme struct {
	name      string
	alg       algorithm
	frame     []byte // a marshalled state of the algorithm's hash
	message   []node
	key       []node
	signature []node
	codec     codec
	wire      []wireHeader
	signed    []signedHeader
	digests   []funcID
	form      form
	time      *timeFormat
	timeShape shape
	timeHelp  string
	timeWhere string
	window    time.Duration
	nonce     NonceRule
	nonceSet  byteSet
	hasNonce  bool
	hasKeyID  bool
	streams   bool
	hexOnly   bool          // the signature is hex(mac)
	timeUnit  time.Duration // of a time that is a number since 1970; 0: it is none
	uncovered []string
	warnings  []string
	pool      sync.Pool

	// What follows is used by language 2 only.
	two        bool
	webhook    bool
	vars       []variable
	secrets    []string
	checks     []check
	extra      extraUse
	bodyWire   bool // something stands in the body
	placing    bool // something stands in the query or the body
	apart      bool // nothing that is evaluated can read what a signer writes
	computing  bool // a computed variable stands on the wire
	lasting    bool // the key of one request serves the next one, too, as long as what it is derived from stays the same
	expiry     bool
	chosen     []node
	chosenUnit time.Duration
	chosenMost time.Duration
	ownQuery   bool // {sig} stands in the query
	ownForm    bool // {sig} stands in the form
	caseless   bool // methods in any letter case
	macSize    int  // bytes of the MAC that count
}

// check is a compiled Check.
type check struct {
	left, right []node
	fault       *Fault
}

// Name is the scheme's name, such as "finci" or "finci/lf".
func (s *Scheme) Name() string { return s.name }

// Window is the profile's own time window; 0 where the scheme has no time.
func (s *Scheme) Window() time.Duration { return s.window }

// HasNonce says whether a nonce is on the wire. It is then always signed.
func (s *Scheme) HasNonce() bool { return s.hasNonce }

// HasTime says whether there is a time to check. Without one Fresh never refuses.
func (s *Scheme) HasTime() bool { return s.time != nil }

// TimeHeader is the header that carries the checked time, as the profile spells it and as Fault.Where names it; empty where the scheme has no time.
func (s *Scheme) TimeHeader() string { return s.timeWhere }

// HasKeyID says whether the wire names the key. Without it (webhooks) the receiver knows the key from elsewhere.
func (s *Scheme) HasKeyID() bool { return s.hasKeyID }

// Streams says whether SignReader and VerifyReader work: the message takes the body once, as it is or straight into a digest.
func (s *Scheme) Streams() bool { return s.streams }

// Headers lists, as canonical keys, the headers that carry credentials: to be stripped before forwarding, and protected against doubling and against being named
// by Connection (security rules 17, 20, 33). The slice is the caller's.
func (s *Scheme) Headers() []string {
	out := make([]string, 0, len(s.wire))
	for i := range s.wire {
		if s.wire[i].in == InHeader {
			out = append(out, s.wire[i].key)
		}
	}
	return out
}

// SignedHeaders lists, as canonical keys, the other headers whose values are signed: to be forwarded untouched, and protected against doubling and against
// being named by Connection. The slice is the caller's.
func (s *Scheme) SignedHeaders() []string {
	out := make([]string, len(s.signed))
	for i := range s.signed {
		out[i] = s.signed[i].name
	}
	return out
}

// InBody says whether something that a verifier needs stands in the body: then Parse cannot know all of it, Fresh refuses until ParseBody was called, and only
// Check or the order Parse, ParseBody, Fresh, Verify works.
func (s *Scheme) InBody() bool { return s.bodyWire }

// Webhook says whether the profile is of kind webhook: it signs no method and no target.
func (s *Scheme) Webhook() bool { return s.webhook }

// Vars lists the variables that the caller must supply through Request.Vars, to sign and to verify. The slice is the caller's.
func (s *Scheme) Vars() []string {
	var out []string
	for i := range s.vars {
		v := &s.vars[i]
		if !v.wire && v.pattern == nil && len(v.value) == 0 && v.fallback == nil {
			out = append(out, v.name)
		}
	}
	return out
}

// Uncovered lists what the profile admits it does not sign: method, path, query, body, time. The slice is the caller's.
func (s *Scheme) Uncovered() []string { return slices.Clone(s.uncovered) }

// Warnings lists what an operator should know before using the scheme, one sentence each. The slice is the caller's.
func (s *Scheme) Warnings() []string { return slices.Clone(s.warnings) }
