package registry

import (
	"time"

	"countersign.dev/internal/partner"
)

// Bounds of one round of a review: from its request to its withdrawal.
const (
	MaxEvidence      = 100      // pieces
	MaxEvidenceBytes = 50 << 20 // of all files together; of one: partner.MaxBlob
	MaxComments      = 200
)

// ReviewFile is everything that an approver looks at: the review, its checklist, evidence and comments. An approval names its
// Digest, so that what was approved is what was looked at.
type ReviewFile struct {
	Review    partner.Review
	Round     int       // 1 for the first request, one more after each withdrawal; 0: nobody has touched the file yet
	StartedBy string    // actor who took it up in this round; empty: nobody
	StartedAt time.Time // zero: nobody did
	After     string    // the environment that must be approved first; empty: none
	Items     []ReviewItem
	Evidence  []Evidence      // by time, of earlier rounds too, at most 2*MaxEvidence; nil in a listing
	Comments  []Comment       // likewise, at most 2*MaxComments; nil in a listing
	Facts     []SystemFacts   // what the system collected: of this environment, and of After; an environment that has none is left out
	Approval  *ReviewApproval // of this round; nil: none, or one without a checklist and a digest
	Digest    [32]byte        // of all that an approval binds: see fileDigest
	Missing   []string        // ids of the required items that are not done, in the order of the checklist; empty: it can be approved
}

// ReviewItem is one item of the checklist as it stands.
type ReviewItem struct {
	partner.ChecklistItem
	Done     bool
	By       string    // actor who checked it; empty: nobody, or the system decides
	At       time.Time // of the check
	Note     string    // of the check
	Outdated bool      // it was checked, but its evidence has changed since: look again
	Evidence []string  // ids of what counts for it now: attached in this round and superseded by nothing
	Fact     string    // of a system's item: what it saw, or what it waits for
}

// ReviewApproval is what was approved, by whom, and what of it was open.
type ReviewApproval struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Digest string    `json:"digest"`           // lower-case hex of ReviewFile.Digest as it was
	Bound  bool      `json:"bound"`            // the approver had named it
	Open   []string  `json:"open,omitempty"`   // required items that were not done: it was forced
	Facts  []string  `json:"facts,omitempty"`  // what the system saw of its items, one line each
	Reason string    `json:"reason,omitempty"` // as given
}

// SystemFacts is what was collected of the partner in one environment.
type SystemFacts struct {
	Environment string
	partner.Collected
}

// ReviewQuery says which reviews are listed. Empty fields ask for nothing.
type ReviewQuery struct {
	PartnerID   string
	Environment string
	State       partner.ReviewState
	Waiting     bool   // only those that are requested or in review
	After       string // ReviewPage.Next of the page before
	Limit       int    // 1 to MaxReviewPage; 0: DefaultReviewPage
}

// Sizes of a page of reviews.
const (
	DefaultReviewPage = 50
	MaxReviewPage     = 500
)

// ReviewPage is one page of review files without their evidence and comments.
type ReviewPage struct {
	Files []ReviewFile
	Next  string // for ReviewQuery.After; empty: this was the last
}

// Approval is how a review is approved.
type Approval struct {
	Reason string
	Digest [32]byte // ReviewFile.Digest of what the approver looked at; zero: not said
	Force  bool     // although required items are open; recorded
}
