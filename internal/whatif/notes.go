package whatif

import (
	"fmt"
	"maps"
	"slices"

	"countersign.dev/internal/access"
)

var whyTexts = map[Why]string{
	BeforeProof: "refused before they had proved who sent them: nothing that follows was looked at, and no rule about networks, limits or " +
		"countries lets them in",
	TimeOnly: "refused for their time, which the proposal admits: whether their signatures were right was never looked at, so that " +
		"nobody knows whether they would be let in",
	NoSkew:     "the line does not say how far the two clocks were apart: it was written by an older program",
	NoCountry:  "a country rule applies, the line names no country, and there is no country file",
	UnknownAPI: "their API is not configured any more",
	NoAddress:  "the line has no address",
	NoPartner:  "the line names no partner, and so there are no rules to judge it by",
	TooMany:    "of partners beyond the number whose rules one answer can hold",
}

// report puts what was counted together.
func (r *replay) report(read *reading) Report {
	made := Report{Proposed: r.change.Proposed, Span: r.span, Read: r.counted, Truncated: read.truncated, Until: moment(read.until),
		Unread: listed(read.unread),
		CutOff: r.cut.list(), LetIn: r.let.list(), Warned: r.warned, Same: r.same, Otherwise: r.otherwise, Countries: r.places,
		NotJudged: []NotJudged{}, Notes: r.notes(read)}
	for _, why := range slices.Sorted(maps.Keys(r.unjudged)) {
		made.NotJudged = append(made.NotJudged, *r.unjudged[why])
	}
	return made
}

// notes say what the numbers rest on.
func (r *replay) notes(read *reading) []string {
	notes := []string{"Both sides are replayed, the rules in force and the proposed ones: a difference is the proposal's doing. What is " +
		"said to be let in passed every check but the one that is named; a replay guard, the API behind and, where none is replayed here, " +
		"limits could still refuse it."}
	if read.truncated {
		notes = append(notes, fmt.Sprintf("There were more lines than one answer reads: nothing after %s was looked at. Ask for a shorter "+
			"span.", read.until.Format("2006-01-02 15:04:05Z")))
	}
	if len(r.change.windows) > 0 {
		notes = append(notes, "A wider window is never said to let anybody in: a request that was refused for its time was refused before "+
			"its signature was looked at, and before it named a partner. It is counted as not judged.")
		if r.change.PartnerID != "" {
			notes = append(notes, "Requests that were refused for their time name no partner: ask without a partner to count them.")
		}
	}
	return append(append(notes, r.limitNotes()...), r.countryNotes()...)
}

func (r *replay) limitNotes() (notes []string) {
	switch {
	case r.now != nil:
		notes = append(notes, "Limits are replayed with the arithmetic of the server, in the order in which requests arrived (as recorded, "+
			"sorted over 8,192 of them); the server counts a request a moment later, when its body is there and its signature right, and begins "+
			"with whole bursts after a restart. They are warmed up with what came before the span, a day at most. Requests near the edge of a "+
			"limit can come out the other way.")
	case r.change.PartnerID == "":
		notes = append(notes, "Limits are not replayed: they would need the other requests of each partner.")
	}
	if r.sharedRefused || slices.ContainsFunc(r.change.apis, func(a *access.API) bool { return a.Limits.Total != nil }) {
		notes = append(notes, "The limit of an API for all its callers together is not replayed: what it refused stays refused.")
	}
	return notes
}

func (r *replay) countryNotes() (notes []string) {
	if r.places.File > 0 {
		notes = append(notes, "Where a line names no country, today's country file was asked: it may know another one than that day's.")
	}
	if r.networks.places.file == nil && slices.ContainsFunc(r.change.AddNetworks, func(n Network) bool { return n.Country != "" }) {
		notes = append(notes, "There is no country file: a server cannot take a country rule into force without one.")
	}
	return notes
}
