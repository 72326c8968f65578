package registry

import (
	"slices"
	"strconv"
	"time"

	"countersign.dev/internal/partner"
)

// Bounds of the texts of evidence, in bytes.
const (
	MaxEvidenceName = 200
	MaxEvidenceURL  = 2000
)

// Evidence is a file or a link that somebody attached to a review. It is never changed and never removed; a later piece may
// take its place, and then it counts no more.
type Evidence struct {
	ID           string               `json:"id"` // "evd_" and 26 characters
	PartnerID    string               `json:"partner"`
	Environment  string               `json:"environment"`
	Round        int                  `json:"round"`          // the round of the review for which it counts
	Item         string               `json:"item,omitempty"` // of the checklist; empty: the review as a whole
	Kind         partner.EvidenceKind `json:"kind"`           // file or link
	Name         string               `json:"name"`           // one line, 1 to MaxEvidenceName bytes: what it is, never a path
	Note         string               `json:"note,omitempty"` // one line, at most 500 bytes
	MediaType    string               `json:"media_type,omitempty"`
	Size         int64                `json:"size,omitempty"` // of a file, in bytes
	URL          string               `json:"url,omitempty"`  // of a link
	SHA256       string               `json:"sha256"`         // lower-case hex: of a file's content, of a link's URL
	AddedBy      string               `json:"added_by"`
	AddedAt      time.Time            `json:"added_at"`
	Supersedes   string               `json:"supersedes,omitempty"` // id of the piece in whose place this one stands
	SupersededBy string               `json:"-"`                    // id of the piece that stands in its place; empty: it counts
}

// EvidenceAdd is what somebody attaches, and the parameters of "evidence.add". Either Content or URL is set.
type EvidenceAdd struct {
	Item       string `json:"item,omitempty"`
	Name       string `json:"name"`
	Note       string `json:"note,omitempty"`
	Content    []byte `json:"content,omitempty"` // of a file: 1 to partner.MaxBlob bytes of one of MediaTypes
	URL        string `json:"url,omitempty"`     // of a link: https, at most MaxEvidenceURL bytes; it is never fetched
	Supersedes string `json:"supersedes,omitempty"`
}

var evidenceNoun = noun[Evidence]{kind: "evidence", row: func(e Evidence) partner.Document {
	return partner.Document{ID: e.ID, PartnerID: e.PartnerID, Environment: e.Environment, State: strconv.Itoa(e.Round), CreatedAt: e.AddedAt}
}}

// roundEvidence lists the pieces of one round of a review by time: at most MaxEvidence.
func roundEvidence(tx Tx, at home, round int) ([]Evidence, error) {
	list, err := evidenceNoun.list(tx, partner.DocumentQuery{PartnerID: at.partner, Environment: at.environment, State: strconv.Itoa(round)})
	place := make(map[string]int, len(list))
	for i, e := range list {
		place[e.ID] = i
	}
	for _, e := range list {
		if i, ok := place[e.Supersedes]; ok {
			list[i].SupersededBy = e.ID
		}
	}
	return list, err
}

// earlierEvidence lists the last pieces of the rounds before by time, at most MaxEvidence. What took whose place is told by the later
// piece alone.
func earlierEvidence(tx Tx, at home, round int) ([]Evidence, error) {
	if round <= 1 {
		return nil, nil
	}
	list, err := evidenceNoun.list(tx, newest(at, 2*MaxEvidence))
	list = slices.DeleteFunc(list, func(e Evidence) bool { return e.Round == round })
	list = list[:min(len(list), MaxEvidence)]
	slices.Reverse(list)
	return list, err
}
