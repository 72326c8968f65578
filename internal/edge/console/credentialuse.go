package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// versionsView is the table of the versions of a credential with what the record says of their use.
type versionsView struct {
	Caption  string
	Versions []versionRow
	Reaches  string // how far the record of uses goes
	UseFault string // why the uses are not known, or not all
	Retire   *page.Form
	RetireTo string
}

// versionRow is one version; Number 0 is what came by access token, which belongs to no version.
type versionRow struct {
	Number                  int
	Name, State, Tone       string
	ByPartner, Live, Known  bool
	NotBefore, NotAfter     time.Time
	LastUse                 time.Time
	Never                   string // what to say where it was not used
	Allowed, Refused        int64
	Addresses               []string
	MoreAddresses           string
	MayRetire               bool
	Ask, WhyNot, NumberText string
}

// versionRows are the versions of a credential as the register has them.
func (v *visit) versionRows(c api.Credential) []versionRow {
	now := v.s.cfg.Now()
	var rows []versionRow
	for _, one := range c.Versions {
		row := versionRow{Number: one.Number, NumberText: fmt.Sprint(one.Number), Name: versionWords(one.Number),
			ByPartner: one.ByPartner, Live: one.Live,
			NotBefore: one.NotBefore, NotAfter: one.NotAfter, State: "ended", Tone: "plain"}
		switch {
		case one.Live && c.Schedule.Pending.Version == one.Number:
			row.State, row.Tone = "waits to be handed over", "warn"
		case one.Live:
			row.State, row.Tone = "live", "good"
		case one.NotBefore.After(now):
			row.State = "not yet"
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b versionRow) int { return b.Number - a.Number })
	return rows
}

// usedVersions adds the uses of the last days, from the sums that are kept: it is quick however many requests there were.
func (v *visit) usedVersions(r *http.Request, c api.Credential) versionsView {
	view := versionsView{Caption: "Versions, the newest first, with their use in the last 7 days", Versions: v.versionRows(c)}
	found, err := v.api.PartnerUsage(r.Context(), c.PartnerID, api.PartnerUsageParams{Last: "7d"})
	if err != nil {
		view.UseFault = useFault(err)
		return view
	}
	if len(found.Value.Faults) > 0 {
		view.UseFault = "A part of the sums could not be read: the numbers are too low."
	}
	for i := range view.Versions {
		view.Versions[i].Known, view.Versions[i].Never = true, "not in these 7 days"
	}
	for _, e := range found.Value.Environments {
		for _, u := range e.Versions {
			if u.CredentialID == c.ID && e.Environment == c.Environment {
				view.use(u)
			}
		}
	}
	return view
}

// use puts the use of one version into its row; what came by access token, and versions that are gone, get rows of their own.
func (view *versionsView) use(u api.VersionUsage) {
	row := view.row(u.Version)
	row.Allowed, row.Refused, row.LastUse, row.Addresses = u.Allowed, u.Refused, u.LastAt, u.Addresses
	if u.MoreAddresses {
		row.MoreAddresses = "and more"
	}
}

func (view *versionsView) row(number int) *versionRow {
	i := slices.IndexFunc(view.Versions, func(r versionRow) bool { return r.Number == number })
	if i < 0 {
		row := versionRow{Number: number, NumberText: fmt.Sprint(number), Name: versionWords(number), State: "gone",
			Known: true}
		if number == 0 {
			row.Name, row.State = "by access token", "of no version"
		}
		view.Versions = append(view.Versions, row)
		i = len(view.Versions) - 1
	}
	return &view.Versions[i]
}

// useFault is why nothing is said about uses.
func useFault(err error) string {
	switch {
	case errors.Is(err, api.Forbidden):
		return "Who uses which version is not shown: your roles do not include the record of decisions."
	case errors.Is(err, api.TooManyRequests):
		return "Who uses which version is not shown: others are searching the record. Load the page again in a moment."
	}
	return "Who uses which version is not shown: the record of decisions does not answer at the moment."
}

// rehearsed adds what the record itself says, request by request. notes are what the numbers rest on.
func (v *visit) rehearsed(r *http.Request, c api.Credential) (view versionsView, all api.Rehearsal) {
	view = versionsView{Caption: "Versions, the newest first, with their use in the last 7 days", Versions: v.versionRows(c)}
	found, err := v.api.CredentialRehearsal(r.Context(), c.ID, api.CredentialRehearsalParams{})
	if err != nil {
		view.UseFault = useFault(err)
		return view, all
	}
	all = found.Value
	if text := partialWords(all.Truncated, 0, len(all.Unread), time.Time{}); text != "" {
		view.UseFault = text
	}
	if all.Reaches.Year() > 1 {
		view.Reaches = "Last uses are known back to " + timeWords(all.Reaches) + "."
	}
	for _, u := range append(all.Versions, all.ByToken) {
		if u.Version == 0 && u.Allowed+u.Refused == 0 {
			continue
		}
		row := view.row(u.Version)
		row.Known, row.Never, row.Allowed, row.Refused, row.LastUse = true, "never, as far as is known", u.Allowed, u.Refused,
			u.LastUse
		for _, a := range u.Addresses.Top {
			row.Addresses = append(row.Addresses, fmt.Sprintf("%s: %s", a.Address, page.Count(a.Requests)))
		}
		if u.Addresses.Others > 0 {
			row.MoreAddresses = "others: " + page.Count(u.Addresses.Others)
		}
	}
	return view, all
}
