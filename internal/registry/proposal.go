package registry

import (
	"encoding/hex"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// ProposalState says what became of a proposal.
type ProposalState string

// The states of a proposal. Only the first two can still become something else.
const (
	ProposalOpen      ProposalState = "open"     // waits for approvals
	ProposalReady     ProposalState = "approved" // makes a secret: waits for the person who asked to apply it
	ProposalDone      ProposalState = "applied"
	ProposalRejected  ProposalState = "rejected"
	ProposalWithdrawn ProposalState = "withdrawn"
	ProposalExpired   ProposalState = "expired"
)

// ProposalStates returns the closed list; a fresh slice each time.
func ProposalStates() []ProposalState {
	return []ProposalState{ProposalOpen, ProposalReady, ProposalDone, ProposalRejected, ProposalWithdrawn, ProposalExpired}
}

// Bounds of proposals.
const (
	ProposalLife        = 14 * 24 * time.Hour // until it expires, from its making or its last edit
	MaxProposalComments = 30
	MaxOpenProposals    = 100  // of one actor, that wait
	MaxProposalComment  = 2000 // bytes of one comment
	MaxProposalEdits    = 40
	MaxWhatIf           = 512 << 10 // bytes of a what-if report
	MaxWhatIfs          = 20        // reports that were ever attached to one proposal: the newest is shown
)

// Proposal is an operation that waits for other persons. Its id begins with "prp_".
type Proposal struct {
	ID          string             `json:"id"`
	State       ProposalState      `json:"state"`
	Operation   Operation          `json:"operation"`
	Reason      string             `json:"reason,omitempty"`
	RequestedBy string             `json:"requested_by"`      // actor; the change itself is recorded as this one's
	Editors     []string           `json:"editors,omitempty"` // actors, each once: who changed it since; they do not approve it
	Edits       int                `json:"edits,omitempty"`
	Needed      int                `json:"needed"`              // approvals; later stricter settings count too
	Approvals   []ProposalApproval `json:"approvals,omitempty"` // of what it says now: an edit makes them void
	Base        []RowState         `json:"base,omitempty"`      // what it was proposed against, and is held to
	Reports     int                `json:"reports,omitempty"`   // that were ever attached
	WhatIf      *WhatIfNote        `json:"what_if,omitempty"`
	Comments    []ProposalComment  `json:"comments,omitempty"`
	Failure     *Failure           `json:"failure,omitempty"` // the last time that it could not be applied
	CreatedAt   time.Time          `json:"created_at"`
	ExpiresAt   time.Time          `json:"expires_at"` // the last moment in which it can be approved or applied (security rule 36)
	EndedAt     time.Time          `json:"ended_at,omitzero"`
	EndedBy     string             `json:"ended_by,omitempty"` // actor
	EndReason   string             `json:"end_reason,omitempty"`
	Revision    uint64             `json:"revision,omitempty"` // of the register, once applied

	// ParamsSHA256 is set in the store alone: the blob that holds long parameters of Operation. Whoever reads a proposal finds
	// them in their place, and this empty.
	ParamsSHA256 string `json:"params_sha256,omitempty"`

	// Approvers and Warning are worked out anew at each reading, and in no record. Approvers are the logins of accounts that
	// could approve it now, at most 20; Warning says what stands in the way, above all that there is nobody.
	Approvers []string `json:"approvers,omitempty"`
	Warning   string   `json:"warning,omitempty"`

	// Names says what the ids in it stand for, by id: its partner, and what its parameters name. Worked out anew at each reading,
	// and never written; what is gone has none.
	Names map[string]string `json:"-"`
}

// ProposalApproval is one person's yes to what a proposal says.
type ProposalApproval struct {
	By      string    `json:"by"` // actor
	At      time.Time `json:"at"`
	Digest  string    `json:"digest"` // of the proposal, hex
	Comment string    `json:"comment,omitempty"`
}

// ProposalComment is what somebody wrote about a proposal.
type ProposalComment struct {
	By   string    `json:"by"` // actor
	At   time.Time `json:"at"`
	Text string    `json:"text"` // 1 to MaxProposalComment bytes; may have several lines
}

// RowState is a row of the register as it was: its ETag, empty where it was not there.
type RowState struct {
	Row  string `json:"row"`
	ETag string `json:"etag,omitempty"`
}

// WhatIfNote says what a what-if report was made for. The report itself is read with WhatIfReport.
type WhatIfNote struct {
	SHA256 string    `json:"sha256"` // of the report, hex
	For    string    `json:"for"`    // the digest of the proposal that it was made for, hex
	Bytes  int       `json:"bytes"`
	By     string    `json:"by"` // actor
	At     time.Time `json:"at"`
	Stale  bool      `json:"stale,omitempty"` // worked out when it is read: the proposal was edited since
}

// Failure says why an approved change could not be made.
type Failure struct {
	At  time.Time `json:"at"`
	By  string    `json:"by"` // actor: who approved or applied
	Why string    `json:"why"`
}

const proposalLabel = "countersign proposal 1\n"

// Digest is what an approval binds: the operation, the reason, and the state of the rows that it was proposed against. Hex of it
// is the digest that people compare.
func (p Proposal) Digest() [32]byte {
	operation := p.Operation.Digest()
	fields := [][]byte{operation[:], []byte(p.Reason)}
	for _, b := range p.Base {
		fields = append(fields, []byte(b.Row), []byte(b.ETag))
	}
	return digestOf(proposalLabel, fields...)
}

// DigestText is Digest in lower-case hex.
func (p Proposal) DigestText() string {
	d := p.Digest()
	return hex.EncodeToString(d[:])
}

// Row names the row of p, for Intent.IfMatch and ETag.
func (p Proposal) Row() string { return audit.DocumentRow(proposalKind, p.ID) }

const proposalKind = "proposal"

var proposalNoun = noun[Proposal]{kind: proposalKind, row: func(p Proposal) partner.Document {
	return partner.Document{ID: p.ID, PartnerID: p.Operation.PartnerID, Environment: p.Operation.Environment,
		State: string(p.State), CreatedAt: p.CreatedAt}
}}
