package aggregation

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// institutionView is a bank as it is listed. All of them are invented; their
// addresses end in .example, which nobody can register (RFC 2606 §3).
type institutionView struct {
	XMLName     xml.Name `json:"-" xml:"institution"`
	ID          string   `json:"id" xml:"id"`
	Name        string   `json:"name" xml:"name"`
	Description string   `json:"accountTypeDescription" xml:"accountTypeDescription"`
	Home        string   `json:"urlHomeApp" xml:"urlHomeApp"`
}

type institutionList struct {
	XMLName xml.Name `json:"-" xml:"institutions"`
	envelope
	Institutions []institutionView `json:"institutions" xml:"institution"`
}

// institutions are thirty, so that the default page of 25 leaves some over.
func institutions() []institutionView {
	var list []institutionView
	for _, place := range []string{"Cedar", "Harbor", "Juniper", "Meadow", "Summit"} {
		for _, kind := range []string{"Bank", "Credit Union", "Savings", "Trust", "Thrift", "Community Bank"} {
			id := strconv.Itoa(102101 + len(list))
			list = append(list, institutionView{
				ID: id, Name: "Model " + place + " " + kind, Description: "Banking",
				Home: "https://bank-" + id + ".example/",
			})
		}
	}
	return list
}

func matching(list []institutionView, search string) []institutionView {
	found := make([]institutionView, 0, len(list))
	for _, i := range list {
		if holds(i.Name, search) {
			found = append(found, i)
		}
	}
	return found
}

// holds compares without case; an empty search matches everything.
func holds(text, search string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(search))
}
