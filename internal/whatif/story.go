package whatif

import (
	"encoding/json"
	"time"
)

// Story is what became of one request, and why: for operators, never for the caller.
type Story struct {
	RequestID   string          `json:"request_id"`
	At          time.Time       `json:"at"`
	Environment string          `json:"environment"`
	API         string          `json:"api,omitempty"`
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	Allowed     bool            `json:"allowed"`
	Finished    bool            `json:"finished"` // false: only the line from before it was forwarded is there; what came of it is not recorded, or not yet
	Reason      string          `json:"reason"`
	Where       string          `json:"where,omitempty"`
	Status      int             `json:"status"`
	Partner     string          `json:"partner,omitempty"`
	Credential  string          `json:"credential,omitempty"`
	Proved      bool            `json:"proved"` // without it, partner and credential are only what was claimed
	Warnings    []string        `json:"warnings,omitempty"`
	Line        json.RawMessage `json:"line"` // the line of the record as it stands there

	Steps   []Step        `json:"steps"`
	Address AddressStory  `json:"address"`
	Version VersionStory  `json:"versions"`
	Told    *Told         `json:"told,omitempty"` // what the outside was told; nil: that is not known here, or it was let in
	Cause   string        `json:"cause"`          // the exact cause, in a sentence
	Hints   []string      `json:"hints"`          // what to do next: commands, or sentences
	Shadow  *ShadowResult `json:"shadow,omitempty"`
}

// Step is one check of the pipeline.
type Step struct {
	Name  string    `json:"name"` // of a closed list: "connection", "framing", ...
	Title string    `json:"title"`
	State StepState `json:"state"`
	Facts []string  `json:"facts,omitempty"` // what is known of it, a sentence each
}

// StepState says how far a request came.
type StepState string

// The states.
const (
	Passed     StepState = "passed"
	Failed     StepState = "failed"
	NotReached StepState = "not_reached"
	Unclear    StepState = "unclear" // one of those that are so failed, and the record does not say which
)

// AddressStory is how the client's address was found.
type AddressStory struct {
	Address string   `json:"address,omitempty"` // empty: it could not be derived
	Peer    string   `json:"peer,omitempty"`    // the other end of the connection
	Country string   `json:"country,omitempty"` // as recorded; empty: it was not asked for, or is unknown
	Hops    []string `json:"hops"`              // one by one, from the connection towards the client
	Source  string   `json:"source"`            // "recorded": hops as they were then; "derived": what follows from peer and address
}

// VersionStory says which versions of the credential were tried, and which there are.
type VersionStory struct {
	Proved int           `json:"proved,omitempty"` // the version that proved it; 0: none, or by access token
	Tried  []int         `json:"tried,omitempty"`  // in this order, where a signature did not fit
	Then   []VersionThen `json:"then,omitempty"`   // those of the register, as they were when the request came
}

// VersionThen is a version at the time of the request.
type VersionThen struct {
	Version int    `json:"version"`
	State   string `json:"state"` // "in force", "not yet in force", "ended"; by the register of now
	Text    string `json:"text"`
}

// Told is what the outside was told, made again by the table from reason to answer: numbers that only the moment knew, as what was
// left of a limit, are left out.
type Told struct {
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"` // of the body
	Body   string `json:"body,omitempty"`
}

// ShadowResult is what a profile that only watches would have said.
type ShadowResult struct {
	Profile string `json:"profile"`
	Result  string `json:"result"` // "ok", or the reason
}
