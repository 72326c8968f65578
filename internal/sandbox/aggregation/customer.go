package aggregation

import (
	"encoding/xml"
	"strings"
	"unicode/utf8"

	"countersign.dev/internal/sandbox/body"
)

// The two kinds of customer; a customer's kind is fixed by the path that made it.
const (
	typeTesting = "testing"
	typeActive  = "active"
)

// maxTextBytes bounds every text that a caller can store or search for.
const maxTextBytes = 255

// customer is one stored customer. Times are Unix seconds; zero means never.
type customer struct {
	number    uint64
	username  string
	firstName string
	lastName  string
	kind      string
	created   int64
	// aggregated is the first refresh, from which transactions exist; refreshed the last.
	aggregated int64
	refreshed  int64
	// historic holds, per demo account, when its older transactions were loaded.
	historic [accountCount]int64
}

// createdView is the answer to a creation: three fields, in this order.
type createdView struct {
	XMLName  xml.Name `json:"-" xml:"customer"`
	ID       string   `json:"id" xml:"id"`
	Username string   `json:"username" xml:"username"`
	Created  int64    `json:"createdDate" xml:"createdDate"`
}

// customerView is a customer as it is listed and read.
type customerView struct {
	XMLName   xml.Name `json:"-" xml:"customer"`
	ID        string   `json:"id" xml:"id"`
	Username  string   `json:"username" xml:"username"`
	FirstName string   `json:"firstName,omitempty" xml:"firstName,omitempty"`
	LastName  string   `json:"lastName,omitempty" xml:"lastName,omitempty"`
	Type      string   `json:"type" xml:"type"`
	Created   int64    `json:"createdDate" xml:"createdDate"`
}

func (c customer) view() customerView {
	return customerView{
		ID: c.id(), Username: c.username, FirstName: c.firstName,
		LastName: c.lastName, Type: c.kind, Created: c.created,
	}
}

// names are the texts that a body can set; nil leaves one as it is.
type names struct {
	username, firstName, lastName *string
}

func parseNames(o body.Object) (names, *refusal) {
	var n names
	for _, f := range []struct {
		name string
		into **string
	}{{"username", &n.username}, {"firstName", &n.firstName}, {"lastName", &n.lastName}} {
		field := o.Field(f.name)
		switch field.Kind {
		case body.Absent, body.Null:
		case body.Text:
			if !storable(field.Text) {
				return names{}, bad(f.name + " is too long or holds a control character")
			}
			*f.into = &field.Text
		default:
			return names{}, bad(f.name + " must be a text")
		}
	}
	return n, nil
}

// apply sets what is given.
func (n names) apply(c *customer) {
	for _, f := range []struct{ from, to *string }{
		{n.username, &c.username}, {n.firstName, &c.firstName}, {n.lastName, &c.lastName},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
}

// empty says that nothing is to be set.
func (n names) empty() bool { return n.username == nil && n.firstName == nil && n.lastName == nil }

// storable is a text that both formats can carry unchanged. The replacement character
// is refused because it stands for an unpaired surrogate, whose text is lost.
func storable(s string) bool {
	if len(s) > maxTextBytes || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || (r >= 0x7f && r < 0xa0) || r == utf8.RuneError || r == 0xfffe || r == 0xffff
	})
}

func blank(s *string) bool { return s == nil || strings.TrimSpace(*s) == "" }
