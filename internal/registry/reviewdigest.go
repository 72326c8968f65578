package registry

import "countersign.dev/internal/partner"

const fileLabel = "countersign review file 1\n"

// boundFile is what an approval binds. Comments are no part of it, nor how often or when somebody called last: they go on while
// the approver reads. Neither is the state, so that whoever takes a review up may approve what he saw before.
type boundFile struct {
	Partner     string      `json:"partner"`
	Environment string      `json:"environment"`
	Round       int         `json:"round"`
	RequestedBy string      `json:"requested_by"`
	After       string      `json:"after"`
	Items       []boundItem `json:"items"`
	Evidence    []Evidence  `json:"evidence"` // of this round, superseded pieces too
}

// boundItem is one item of the checklist as it stands.
type boundItem struct {
	partner.ChecklistItem
	Done     bool     `json:"done"`
	By       string   `json:"by"`
	At       int64    `json:"at"` // microseconds since 1970; of an item that nobody checked: some moment long before
	Note     string   `json:"note"`
	Evidence []string `json:"attached"`
	Seen     []string `json:"seen"` // of a system's item: the very rows and times that make it done
}

// fileDigest is ReviewFile.Digest.
func fileDigest(f ReviewFile, seen sightings) ([32]byte, error) {
	b := boundFile{Partner: f.Review.PartnerID, Environment: f.Review.Environment, Round: f.Round,
		RequestedBy: f.Review.RequestedBy, After: f.After, Evidence: f.Evidence}
	for _, item := range f.Items {
		b.Items = append(b.Items, boundItem{ChecklistItem: item.ChecklistItem, Done: item.Done, By: item.By, At: item.At.UnixMicro(),
			Note: item.Note, Evidence: item.Evidence, Seen: seen.of(item.ChecklistItem.Evidence).marks})
	}
	body, err := encodeJSON(b)
	return digestOf(fileLabel, body), err
}
