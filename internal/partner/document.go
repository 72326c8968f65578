package partner

import "time"

// Document is one row of the operators' plane as a store keeps it: what concerns people and their work, and never decides a
// request (an operator's account, a proposal, the file of a review, a webhook endpoint). Body is the canonical JSON of a Go type
// that the kind's owner validates; the other fields are what stores look rows up by. Record 29 tells why these are not tables.
type Document struct {
	Kind        string    // "operator", "proposal", ...: 1 to 40 of a-z and _
	ID          string    // unique within the kind, 1 to 200 bytes; never changes
	PartnerID   string    // empty: of no partner; else a partner that is there
	Environment string    // empty: of none
	State       string    // for listings; empty: the kind has no states
	Alias       string    // another name, unique within the kind; empty: none
	CreatedAt   time.Time // never changes; listings are in this order, then by ID
	Body        []byte    // at most MaxDocument bytes
}

// MaxDocument is how long the body of a Document may be.
const MaxDocument = 256 << 10

// DocumentQuery says which documents of one kind are listed. Empty fields ask for nothing.
type DocumentQuery struct {
	Kind        string // required, but for "every kind" in the verification of the record
	PartnerID   string
	Environment string
	State       string
	Newest      bool      // the newest first
	AfterAt     time.Time // with AfterID: those that come after this one in the order of the listing
	AfterID     string
	Limit       int // 0: all
}

// Validate reports what is wrong with d, or nil.
func (d Document) Validate() error {
	switch {
	case !IsDocumentKind(d.Kind):
		return invalid("the kind of a document has 1 to 40 of a-z and _")
	case d.ID == "" || len(d.ID) > 200:
		return invalid("the id of a document has 1 to 200 bytes")
	case d.CreatedAt.IsZero():
		return invalid("a document has the time of its making")
	case len(d.Body) == 0 || len(d.Body) > MaxDocument:
		return invalid("a document has 1 to %d bytes, this one %d", MaxDocument, len(d.Body))
	case len(d.Alias) > 500:
		return invalid("the alias of a document has at most 500 bytes")
	}
	return nil
}

// IsDocumentKind reports whether s has the form of a kind: it is part of the name of a row.
func IsDocumentKind(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// Transient is a row that ends by itself: a sign-in, a session, an idempotency key. It is in no record of changes, and no backup
// brings it back. Secrets in it are hashed.
type Transient struct {
	Kind      string // as of a Document
	ID        string
	Owner     string    // whose it is, for ending all at once; may be empty
	ExpiresAt time.Time // the last moment that counts; required
	Body      []byte    // at most MaxDocument bytes
}

// Validate reports what is wrong with t, or nil.
func (t Transient) Validate() error {
	if !IsDocumentKind(t.Kind) || t.ID == "" || len(t.ID) > 200 || t.ExpiresAt.IsZero() || len(t.Body) > MaxDocument {
		return invalid("a transient has a kind, an id of 1 to 200 bytes, an end, and at most %d bytes", MaxDocument)
	}
	return nil
}

// MaxBlob is how long one blob may be: a file that somebody attached as evidence.
const MaxBlob = 10 << 20
