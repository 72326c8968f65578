package console

import (
	"fmt"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// whatIfView is a report as a page shows it.
type whatIfView struct {
	R                        api.WhatIfReport
	Says                     string
	CutOff, LetIn, NotJudged int64
	Partial                  string // what of the record was not read; empty: all of it was
	Cut, Let                 whatIfDiffs
}

// whatIfDiffs are the requests of one direction, by reason.
type whatIfDiffs struct {
	Title, Caption string
	Items          []api.Difference
}

// viewWhatIf puts a report in words. names are of ids in it, as far as they are known.
func viewWhatIf(r api.WhatIfReport, names map[string]string) whatIfView {
	v := whatIfView{R: r,
		Cut: whatIfDiffs{"Who would be refused that is let in now", "Newly refused, by the reason they would get",
			named(r.CutOff, names)},
		Let: whatIfDiffs{"Who would be let in that is refused now", "Newly let in, by the reason of now", named(r.LetIn,
			names)}}
	for _, d := range r.CutOff {
		v.CutOff += d.Requests
	}
	for _, d := range r.LetIn {
		v.LetIn += d.Requests
	}
	for _, n := range r.NotJudged {
		v.NotJudged += n.Requests
	}
	v.Says = v.sentence()
	v.Partial = partialWords(r.Truncated, r.Lost, len(r.Unread), r.Until)
	return v
}

// sentence is the whole of it in one.
func (v whatIfView) sentence() string {
	if v.R.Read == 0 {
		return "No recorded request is in this span: the record cannot say what the change would do."
	}
	text := fmt.Sprintf("Of %s recorded requests, %s would be refused that are let in now, and %s would be let in that are refused now.",
		page.Count(v.R.Read), page.Count(v.CutOff), page.Count(v.LetIn))
	if v.CutOff == 0 && v.LetIn == 0 {
		text = "It would have changed nothing for the " + page.Count(v.R.Read) + " recorded requests that were looked at."
	}
	if v.NotJudged > 0 {
		text += " " + page.Count(v.NotJudged) + " cannot be judged; why stands below."
	}
	return text
}

// partialWords says what of a record an answer rests on where that is not all of it.
func partialWords(truncated bool, lost int64, unread int, until time.Time) string {
	text := ""
	if truncated {
		text = "There are more requests in this span than one answer reads; what came after "
		if until.IsZero() {
			text += "the last one read"
		} else {
			text += timeWords(until)
		}
		text += " is not in the numbers. Choose a shorter span."
	}
	if lost > 0 {
		text += " The record itself says that " + page.Count(lost) + " lines are missing."
	}
	if unread > 0 {
		text += " A part of the record could not be read: the numbers are too low."
	}
	return text
}

// named puts the names of partners in the place of their ids.
func named(list []api.Difference, names map[string]string) []api.Difference {
	for _, d := range list {
		for i, p := range d.Partners.Top {
			if name := names[p.Name]; name != "" {
				d.Partners.Top[i].Name = name
			}
		}
	}
	return list
}

func whatifRoutes() []route {
	return []route{
		{pattern: "GET /console/what-if", serve: (*visit).whatIf},
		{pattern: "POST /console/what-if", serve: (*visit).whatIfAsked},
	}
}
