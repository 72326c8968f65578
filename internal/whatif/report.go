package whatif

import (
	"net/netip"
	"time"
)

// Report is what a proposed change would have done to the requests of a span. Each recorded request is judged twice, by the
// rules in force now and by the proposed ones: what differs is the proposal's doing, and not that of changes made meanwhile.
type Report struct {
	Proposed Proposed  `json:"proposed"`
	Span     Span      `json:"span"`
	MadeAt   time.Time `json:"made_at"`
	Revision uint64    `json:"revision"` // of the register whose rules were "in force now"

	Read      uint64     `json:"read"`            // final decision lines of the span that were looked at
	Truncated bool       `json:"truncated"`       // there were more lines than one answer reads; what is behind Until is not in it
	Until     *time.Time `json:"until,omitempty"` // arrival of the last line that was read; nil: there was none
	Lost      uint64     `json:"lost"`            // lines that the record itself says are missing in the span
	Unread    []string   `json:"unread"`          // segments that could not be read, and why

	CutOff []Difference `json:"cut_off"` // let in now and then; refused by the proposal; by its reason
	LetIn  []Difference `json:"let_in"`  // refused now; let in by the proposal, as far as it can be judged; by the reason of now
	Warned uint64       `json:"warned"`  // let in either way, with a warning of the proposal's where there is none now

	Same      uint64      `json:"same"`       // judged, and treated alike
	NotJudged []NotJudged `json:"not_judged"` // what cannot be judged, with why
	// Otherwise are those judged that the rules in force now do not treat as was recorded: they were changed meanwhile, or limits,
	// which are replayed from arrivals, come out the other way.
	Otherwise uint64 `json:"otherwise"`

	Countries Countries `json:"countries"`
	Notes     []string  `json:"notes"` // what the numbers rest on, a sentence each
}

// Requests is the sum of a list.
func Requests(list []Difference) (n uint64) {
	for _, d := range list {
		n += d.Requests
	}
	return n
}

// Difference is what happens to requests for one reason.
type Difference struct {
	Reason      string    `json:"reason"` // of package access; with CutOff what they would be refused for, with LetIn what they are refused for
	Requests    uint64    `json:"requests"`
	Addresses   Addresses `json:"addresses"`
	Credentials Counts    `json:"credentials"`
	Partners    Counts    `json:"partners"`
	APIs        Counts    `json:"apis"`
	First       Example   `json:"first"`
	Last        Example   `json:"last"`
}

// Example is one request, to be looked up.
type Example struct {
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"`
}

// NotJudged counts requests of which the record does not say enough.
type NotJudged struct {
	Why      Why     `json:"why"`
	Text     string  `json:"text"` // the same in words
	Requests uint64  `json:"requests"`
	First    Example `json:"first"`
}

// Why says why a request was not judged. The list is closed.
type Why string

// The causes.
const (
	BeforeProof Why = "before_proof" // refused before it had proved who sent it: nobody knows what it would have been worth
	TimeOnly    Why = "time_only"    // refused for its time, which the proposal admits; whether its signature was right was never looked at
	NoSkew      Why = "no_skew"      // a line of an older program, which does not tell the difference of the clocks
	NoCountry   Why = "no_country"   // a country rule applies, the line names no country, and there is no country file
	UnknownAPI  Why = "unknown_api"  // the API is not configured any more
	NoAddress   Why = "no_address"   // the line has no address
	NoPartner   Why = "no_partner"   // the line names no partner
	TooMany     Why = "too_many"     // of a partner beyond the number that one answer can hold
)

// Countries says where the country of an address was taken from, as often as one was asked for.
type Countries struct {
	Recorded uint64 `json:"recorded"` // the decision line names it
	File     uint64 `json:"file"`     // the country file of today says it
	Unknown  uint64 `json:"unknown"`  // neither: refused where a country rule applies, as always
}

// Addresses are the busiest addresses, the busiest first.
type Addresses struct {
	Top    []Address `json:"top"`    // at most MaxAddresses
	Others uint64    `json:"others"` // requests from all other addresses together
	Number uint64    `json:"number"` // of distinct addresses; exact up to 10,000, then at least that many
}

// Address is one address with its requests.
type Address struct {
	Address  netip.Addr `json:"address"`
	Requests uint64     `json:"requests"`
	First    time.Time  `json:"first"`
	Last     time.Time  `json:"last"`
}

// Counts are the most frequent names, the most frequent first.
type Counts struct {
	Top    []Count `json:"top"`    // at most MaxAddresses
	Others uint64  `json:"others"` // requests of all other names together
}

// Count is a name with its requests.
type Count struct {
	Name     string `json:"name"`
	Requests uint64 `json:"requests"`
}
