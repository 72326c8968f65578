package partner

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a checklist.
const (
	MaxChecklist     = 50  // items of one environment
	MaxChecklistText = 200 // bytes of a title
)

// ReviewPolicy is what the configuration asks of the reviews of one environment. The zero value asks for nothing.
type ReviewPolicy struct {
	After string          // the environment whose review must be approved first; empty: none
	Items []ChecklistItem // nil: no checklist
}

// ChecklistItem is one thing that a review looks at.
type ChecklistItem struct {
	ID       string       `json:"id"`       // 1 to 40 of a-z, 0-9, - and _, unique in its environment
	Title    string       `json:"title"`    // one line for people, 1 to MaxChecklistText bytes
	Evidence EvidenceKind `json:"evidence"` // what makes it done
	Required bool         `json:"required"` // without it no approval; false: it is shown and blocks nothing
}

// EvidenceKind says what makes an item of a checklist done.
type EvidenceKind string

// The first three are checked by a person, the others by the system, and then by nobody else.
const (
	EvidenceManual    EvidenceKind = "manual"    // somebody says so
	EvidenceFile      EvidenceKind = "file"      // somebody says so about the files that are attached to the item
	EvidenceLink      EvidenceKind = "link"      // somebody says so about the links that are attached to the item
	EvidenceAddresses EvidenceKind = "addresses" // the partner has a network rule in the environment
	EvidenceCalls     EvidenceKind = "calls"     // a call that proved who sent it was admitted, here or in the environment before
	EvidenceTLS       EvidenceKind = "tls"       // as calls, and all of them came over TLS 1.2 or later
	EvidenceWebhook   EvidenceKind = "webhook"   // the partner has a verified webhook endpoint in the environment
)

// EvidenceKinds returns the closed list in its documented order; a fresh slice each time.
func EvidenceKinds() []EvidenceKind {
	return []EvidenceKind{EvidenceManual, EvidenceFile, EvidenceLink, EvidenceAddresses, EvidenceCalls, EvidenceTLS, EvidenceWebhook}
}

// Attached reports whether an item of kind k is about evidence that people attach to it.
func (k EvidenceKind) Attached() bool { return k == EvidenceFile || k == EvidenceLink }

// System reports whether the system decides about an item of kind k, and no person can.
func (k EvidenceKind) System() bool {
	return k == EvidenceAddresses || k == EvidenceCalls || k == EvidenceTLS || k == EvidenceWebhook
}

// Known reports whether k is one of EvidenceKinds.
func (k EvidenceKind) Known() bool { return k == EvidenceManual || k.Attached() || k.System() }

// Validate reports what is wrong with i, or nil.
func (i ChecklistItem) Validate() error {
	switch {
	case !isItemID(i.ID):
		return invalid("the id of a checklist item has 1 to 40 of a-z, 0-9, - and _, and begins with a letter; this one is %.60q", i.ID)
	case i.Title == "" || len(i.Title) > MaxChecklistText || !isLine(i.Title):
		return invalid("checklist item %s: a title is one line of 1 to %d bytes", i.ID, MaxChecklistText)
	case !i.Evidence.Known():
		return invalid("checklist item %s: evidence is one of manual, file, link, addresses, calls, tls, webhook; not %.60q", i.ID, i.Evidence)
	}
	return nil
}

// ValidateReviews reports what is wrong with the policies of all environments together, or nil: an environment that comes
// after itself, by whatever way round, could never be reached.
func ValidateReviews(policies map[string]ReviewPolicy) error {
	for _, environment := range slices.Sorted(maps.Keys(policies)) {
		policy := policies[environment]
		if len(policy.Items) > MaxChecklist {
			return invalid("reviews of %s: at most %d items", environment, MaxChecklist)
		}
		seen := map[string]bool{}
		for _, item := range policy.Items {
			if err := item.Validate(); err != nil {
				return err
			}
			if seen[item.ID] {
				return invalid("reviews of %s: item %s stands twice", environment, item.ID)
			}
			seen[item.ID] = true
		}
		at := environment
		for range policies {
			if at = policies[at].After; at == environment {
				return invalid("reviews of %s: it comes after itself", environment)
			}
		}
	}
	return nil
}

func isItemID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// isLine reports whether s can stand in one line of a listing.
func isLine(s string) bool {
	return utf8.ValidString(s) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	})
}
