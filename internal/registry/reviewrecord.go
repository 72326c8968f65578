package registry

import (
	"errors"
	"time"

	"countersign.dev/internal/partner"
)

// fileRecord is what is kept of a review beside its row. A review that nobody has touched has none.
type fileRecord struct {
	PartnerID   string          `json:"partner"`
	Environment string          `json:"environment"`
	CreatedAt   time.Time       `json:"created_at"`
	Round       int             `json:"round"`
	StartedBy   string          `json:"started_by,omitempty"`
	StartedAt   time.Time       `json:"started_at,omitzero"`
	Checks      []itemCheck     `json:"checks,omitempty"`
	Pieces      int             `json:"pieces,omitempty"` // of evidence in this round
	Bytes       int64           `json:"bytes,omitempty"`  // of their files
	Comments    int             `json:"comments,omitempty"`
	Approval    *ReviewApproval `json:"approval,omitempty"` // the last one of this round
}

// itemCheck is that somebody has looked at an item, and at what.
type itemCheck struct {
	Item     string               `json:"item"`
	Title    string               `json:"title"`
	Kind     partner.EvidenceKind `json:"kind"`
	By       string               `json:"by"`
	At       time.Time            `json:"at"`
	Note     string               `json:"note,omitempty"`
	Evidence []string             `json:"evidence,omitempty"` // what counted for the item then
}

var fileNoun = noun[fileRecord]{kind: "review_file", row: func(f fileRecord) partner.Document {
	return partner.Document{ID: f.PartnerID + "/" + f.Environment, PartnerID: f.PartnerID, Environment: f.Environment,
		CreatedAt: f.CreatedAt}
}}

// readFile reads the record of a review, or what stands for none.
func readFile(tx Tx, at home) (fileRecord, error) {
	f, err := fileNoun.get(tx, at.partner+"/"+at.environment)
	if errors.Is(err, ErrNotFound) {
		return fileRecord{PartnerID: at.partner, Environment: at.environment, Round: 1}, nil
	}
	return f, err
}

// changeFile reads the record of a review, changes it and writes it.
func (r *Registry) changeFile(tx Tx, at home, change func(*fileRecord) error) error {
	f, err := readFile(tx, at)
	if err != nil {
		return err
	}
	if f.CreatedAt.IsZero() {
		f.CreatedAt = r.now()
	}
	if err := change(&f); err != nil {
		return err
	}
	return fileNoun.put(tx, f)
}
