package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign.dev/internal/edge/page"
)

// inputTime is how a browser writes a datetime-local input; ours are UTC.
const inputTime = "2006-01-02T15:04"

// asked are the filters of a search, as the address has them: a form without a key, which changes nothing.
func asked(r *http.Request, names []string) (form *page.Form, any bool) {
	form = &page.Form{Values: url.Values{}}
	for _, name := range names {
		text := strings.TrimSpace(r.URL.Query().Get(name))
		form.Values.Set(name, text)
		any = any || text != ""
	}
	return form, any
}

// auditMoment is what was typed as a time, in UTC; zero: nothing was, or it is none, which the form then says.
func auditMoment(form *page.Form, name string) time.Time {
	text := form.Value(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{inputTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", time.RFC3339} {
		at, err := time.Parse(layout, text)
		if err == nil && at.Year() > 1969 && at.Year() < 10000 {
			form.Values.Set(name, at.UTC().Format(inputTime))
			if at.Second() != 0 {
				form.Values.Set(name, at.UTC().Format(inputTime+":05"))
			}
			return at.UTC()
		}
	}
	form.Refuse(name, "This is no time. Type one like 2026-11-20T14:30, in UTC.")
	return time.Time{}
}

// exportTimes are the pairs of from and to as the contract writes them.
func exportTimes(from, to time.Time) (pairs []string) {
	for _, one := range []struct {
		name string
		at   time.Time
	}{{"from", from}, {"to", to}} {
		if !one.at.IsZero() {
			pairs = append(pairs, one.name, one.at.Format(time.RFC3339))
		}
	}
	return pairs
}
