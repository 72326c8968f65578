package registry

import "time"

// ReviewRequest is the parameters of "review.request": none.
type ReviewRequest struct{}

// ReviewStart is the parameters of "review.start": none.
type ReviewStart struct{}

// ReviewCheck is the parameters of "review.check": one item of the checklist is done, or is not any more.
type ReviewCheck struct {
	Item string `json:"item"`
	Done bool   `json:"done"`
	Note string `json:"note,omitempty"` // one line, at most 500 bytes
}

// ReviewApprove is the parameters of "review.approve".
type ReviewApprove struct {
	Digest string `json:"digest"` // lower-case hex of ReviewFile.Digest as the approver saw it; required
}

// ReviewSuspend is the parameters of "review.suspend": none.
type ReviewSuspend struct{}

// ReviewResume is the parameters of "review.resume": none.
type ReviewResume struct{}

// ReviewWithdraw is the parameters of "review.withdraw": none.
type ReviewWithdraw struct{}

// ReviewClose is the parameters of "review.close": none.
type ReviewClose struct{}

// CredentialSchedule is the parameters of "credential.schedule".
type CredentialSchedule struct {
	Credential     string    `json:"credential"`                // row identity
	EverySeconds   int64     `json:"every_seconds"`             // 0: no schedule any more, and then nothing else is set
	OverlapSeconds int64     `json:"overlap_seconds,omitempty"` // how long the older versions count on after the handing over
	Next           time.Time `json:"next,omitzero"`             // of the first rotation; zero: one span from now
}

// CredentialRetire is the parameters of "credential.retire".
type CredentialRetire struct {
	Credential string `json:"credential"` // row identity
	Version    int    `json:"version"`
}
