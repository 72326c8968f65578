package partner

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"countersign.dev/internal/secret"
)

// Bounds of an Endpoint.
const (
	// MaxEndpointURL is how long the URL of an endpoint may be, in bytes.
	MaxEndpointURL = 2000
	// MaxEndpoints is how many endpoints a partner may have in one environment, disabled ones included.
	MaxEndpoints = 20
	// MaxEndpointEvents is how many events one endpoint may ask for by name, and MaxEventName how long such a name may be.
	MaxEndpointEvents = 100
	MaxEventName      = 100
	// MaxEndpointText bounds the description of an endpoint, in bytes.
	MaxEndpointText = 500
	// MaxEndpointKeys is how many signing keys of an endpoint count at once: an overlap of two.
	MaxEndpointKeys = 2
	// EndpointKeySize is how long a signing key is, in bytes (Standard Webhooks: 24 to 64).
	EndpointKeySize = 32
)

// EndpointState says whether an endpoint may be sent anything.
type EndpointState string

// The states of an endpoint. Only a verified one is ever sent an event.
const (
	EndpointPending  EndpointState = "pending"  // registered; its handshake has not succeeded yet
	EndpointVerified EndpointState = "verified" // whoever serves the URL has proved to hold the signing key
	EndpointDisabled EndpointState = "disabled" // nothing is sent any more; it can only be removed
)

// Endpoint is a URL of a partner that is told of events of one environment (seed: API Authentication, "webhook endpoint
// controls"). Its URL never changes: another URL is another endpoint, and has to be verified itself. It has a signing key of
// its own, so that no webhook signature is ever made with a partner secret (design decision 5).
type Endpoint struct {
	ID            string        `json:"id"` // row identity, "whe_" and 26 characters
	PartnerID     string        `json:"partner"`
	Environment   string        `json:"environment"`
	URL           string        `json:"url"`                   // as ParseEndpointURL gave it
	Description   string        `json:"description,omitempty"` // one line for people; may be empty
	Events        []string      `json:"events,omitempty"`      // sorted; empty: every event of the environment
	State         EndpointState `json:"state"`
	Keys          []EndpointKey `json:"keys"` // newest first, at least one
	CreatedAt     time.Time     `json:"created_at"`
	VerifiedAt    time.Time     `json:"verified_at,omitzero"` // of the last handshake that succeeded; zero: none has
	LastHandshake *Handshake    `json:"last_handshake,omitempty"`
}

// EndpointKey is one signing key of an endpoint. It counts until NotAfter, the last moment included (security rule 36).
type EndpointKey struct {
	ID        string    `json:"id"`               // "whk_" and 26 characters; shown to people, never sent
	Sealed    []byte    `json:"sealed,omitempty"` // as a store keeps it; nil wherever an endpoint is shown
	CreatedAt time.Time `json:"created_at"`
	NotAfter  time.Time `json:"not_after,omitzero"` // zero: until it is rotated
}

// Live reports whether the key counts at a time.
func (k EndpointKey) Live(now time.Time) bool { return k.NotAfter.IsZero() || !now.After(k.NotAfter) }

// EndpointTarget is what a handshake needs of an endpoint, with its live keys in clear. Whoever is done with it calls Zero.
type EndpointTarget struct {
	ID, PartnerID, Environment, URL string
	Keys                            []TargetKey // newest first
}

// TargetKey is a signing key in clear.
type TargetKey struct {
	ID     string
	Secret secret.Value // EndpointKeySize bytes
}

// Zero wipes the keys.
func (t EndpointTarget) Zero() {
	for _, k := range t.Keys {
		k.Secret.Zero()
	}
}

// HandshakeResult says how a handshake ended. The list is closed, and safe to show to anybody.
type HandshakeResult string

// The results of a handshake. Each comment says what the endpoint did, or what was wrong with it.
const (
	HandshakeProved       HandshakeResult = "proved"            // it holds the signing key
	HandshakeURL          HandshakeResult = "bad_url"           // the URL is not one that may be called
	HandshakeUnresolved   HandshakeResult = "unresolved"        // its host has no address
	HandshakeForbidden    HandshakeResult = "address_forbidden" // an address of its host may not be called (security rule 32)
	HandshakeUnreachable  HandshakeResult = "unreachable"       // no connection, or it broke off
	HandshakeTLS          HandshakeResult = "tls_failed"        // its certificate was not accepted, or there was no TLS
	HandshakeTimeout      HandshakeResult = "timeout"           // the whole answer was not there in time
	HandshakeRedirect     HandshakeResult = "redirect"          // it answered with another place; no redirect is followed
	HandshakeStatus       HandshakeResult = "bad_status"        // it answered, but not with 2xx
	HandshakeTooLarge     HandshakeResult = "answer_too_large"  // its answer was longer than what is read of one
	HandshakeMalformed    HandshakeResult = "malformed_answer"  // its answer is not the one JSON object that is asked for
	HandshakeWrongProof   HandshakeResult = "wrong_proof"       // what it sent does not prove that it holds the key
	HandshakeNotAttempted HandshakeResult = "not_attempted"     // we could not: shut down, or no randomness; try again
)

// HandshakeResults is the closed list; a fresh slice each time.
func HandshakeResults() []HandshakeResult {
	return []HandshakeResult{HandshakeProved, HandshakeURL, HandshakeUnresolved, HandshakeForbidden, HandshakeUnreachable,
		HandshakeTLS, HandshakeTimeout, HandshakeRedirect, HandshakeStatus, HandshakeTooLarge, HandshakeMalformed,
		HandshakeWrongProof, HandshakeNotAttempted}
}

// Handshake is what one handshake with an endpoint showed. It holds nothing that the endpoint sent but its status.
type Handshake struct {
	EndpointID string          `json:"endpoint"`
	At         time.Time       `json:"at"`
	Result     HandshakeResult `json:"result"`
	KeyID      string          `json:"key,omitempty"`    // with HandshakeProved: the key that was proved
	Address    netip.Addr      `json:"address,omitzero"` // the address that was dialled, or that was refused; invalid: none
	Status     int             `json:"status,omitempty"` // of the answer; 0: there was none
	Millis     int64           `json:"duration_ms"`      // how long it took
}

// Validate reports what is wrong with e, or nil.
func (e Endpoint) Validate() error {
	if e.ID == "" || e.PartnerID == "" || e.Environment == "" || e.CreatedAt.IsZero() {
		return invalid("an endpoint: id, partner, environment and time must be set")
	}
	if parsed, err := ParseEndpointURL(e.URL, true); err != nil || parsed != e.URL {
		return invalid("an endpoint: its URL is not one that was parsed")
	}
	if len(e.Description) > MaxEndpointText {
		return invalid("an endpoint: a description has at most %d bytes", MaxEndpointText)
	}
	switch e.State {
	case EndpointPending, EndpointVerified, EndpointDisabled:
	default:
		return invalid("an endpoint: the state %q is none", e.State)
	}
	if len(e.Keys) == 0 || len(e.Keys) > MaxEndpointKeys {
		return invalid("an endpoint has 1 to %d signing keys", MaxEndpointKeys)
	}
	events, err := ParseEvents(e.Events)
	if err == nil && !slices.Equal(events, e.Events) {
		return invalid("an endpoint: its events are not sorted")
	}
	return err
}

// Clone is a copy of e that shares no memory with it and has no sealed keys: for showing.
func (e Endpoint) Clone() Endpoint {
	e.Events, e.Keys = slices.Clone(e.Events), slices.Clone(e.Keys)
	for i := range e.Keys {
		e.Keys[i].Sealed = nil
	}
	if e.LastHandshake != nil {
		last := *e.LastHandshake
		e.LastHandshake = &last
	}
	return e
}

// ParseEvents sorts names of events and drops doubled ones. Empty is every event. A name has 1 to MaxEventName of a-z, 0-9,
// '.', '_' and '-', begins with a letter and does not end with a dot.
func ParseEvents(names []string) ([]string, error) {
	if len(names) > MaxEndpointEvents {
		return nil, invalid("an endpoint asks for at most %d events by name; ask for none to get all", MaxEndpointEvents)
	}
	for _, name := range names {
		if !isEventName(name) {
			quoted, _ := json.Marshal(name[:min(len(name), MaxEventName)])
			return nil, invalid("%s is no name of an event: 1 to %d of a-z, 0-9, '.', '_', '-', a letter first", quoted, MaxEventName)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out), nil
}

func isEventName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return name != "" && len(name) <= MaxEventName && name[len(name)-1] != '.'
}
