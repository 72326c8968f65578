package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// impact is what a change would have done to the requests of a while ago.
type impact struct {
	Title   string
	Caption string
	What    string // of the rows: the credential, or the reason
	Lines   []string
	Hints   []string
	Fault   string // it could not be found out, or not wholly
	Rows    []impactRow
}

// impactRow is one credential, or one reason.
type impactRow struct {
	Name     string
	Requests int64
	From     []string
	Others   string
	Examples []page.Item
}

// How far a page looks back, how long it waits for the answer, and how many credentials it asks about.
const (
	impactSpan  = 24 * time.Hour
	impactWait  = 10 * time.Second
	impactMost  = 8
	impactTop   = 3
	impactTitle = "What it would have refused in the last 24 hours"
)

// cutOff asks the record for whom a partner's end in an environment, or in all that the visitor sees, would have refused: the
// preview of each credential that counts now.
func (v *visit) cutOff(r *http.Request, partnerID, environment string) *impact {
	ctx, cancel := context.WithTimeout(r.Context(), impactWait)
	defer cancel()
	i := &impact{Title: impactTitle, Caption: "By credential", What: "Credential"}
	if !v.may("decisions.read", environment) {
		i.Fault = "It cannot be shown to you: the permission decisions.read is missing."
		return i
	}
	credentials, err := v.api.PartnerCredentials(ctx, partnerID, api.PartnerCredentialsParams{Environment: environment, Limit: 100})
	if err != nil {
		i.Fault = "It could not be found out: " + reasonOf(err)
		return i
	}
	total, asked := int64(0), 0
	for _, c := range credentials.Value.Items {
		if c.State != api.CredentialStateLive && c.State != api.CredentialStateLocked {
			continue
		}
		if asked++; asked > impactMost {
			i.Fault = "There are more credentials than are asked about here; those that are missing are not counted."
			break
		}
		n, err := v.preview(ctx, i, c)
		if err != nil {
			i.Fault = "It could not be found out for every credential: " + reasonOf(err)
			break
		}
		total += n
	}
	i.conclude(total)
	return i
}

// preview adds the row of one credential.
func (v *visit) preview(ctx context.Context, i *impact, c api.Credential) (int64, error) {
	a, err := v.api.CredentialRevocationPreview(ctx, c.ID, api.CredentialRevocationPreviewParams{From: v.s.cfg.Now().Add(-impactSpan)})
	if err != nil {
		return 0, err
	}
	row := impactRow{Name: cmp.Or(kindName(c.Kind), "credential") + " " + page.Short(c.KeyID) + " in " + c.Environment, Requests: a.Value.Requests}
	row.seen(a.Value.Addresses, a.Value.First, a.Value.Last)
	if row.Requests > 0 {
		i.Rows = append(i.Rows, row)
	}
	i.unread(a.Value.Truncated, a.Value.Unread)
	return row.Requests, nil
}

// seen takes the addresses and examples of a report into a row.
func (row *impactRow) seen(from api.Addresses, first, last api.Example) {
	for _, one := range from.Top[:min(len(from.Top), impactTop)] {
		row.From = append(row.From, one.Address)
	}
	if more := from.Number - int64(len(row.From)); more > 0 {
		row.Others = "and " + page.Count(more) + " more"
	}
	for _, e := range []api.Example{first, last} {
		if e.RequestID != "" && (len(row.Examples) == 0 || row.Examples[0].Text != page.Short(e.RequestID)) {
			row.Examples = append(row.Examples, page.Item{Text: page.Short(e.RequestID), Href: decisionPath(e.RequestID)})
		}
	}
}

func (i *impact) unread(truncated bool, segments []string) {
	if truncated || len(segments) > 0 {
		i.Fault = "Not all of the record was read: the numbers are too low."
	}
}

func (i *impact) conclude(total int64) {
	switch {
	case total > 0:
		i.Lines = append(i.Lines, page.Plural(int(total), "request was", "requests were")+" let in that would have been refused.")
	case i.Fault == "":
		i.Lines = append(i.Lines, "Nothing: no request of the last 24 hours would have been refused by this.")
	}
}

// decisionPath is the full story of one request.
func decisionPath(id string) string { return page.Path(base+"/requests", id) }

// kindName is a kind of credential in words.
func kindName(kind api.CredentialKind) string {
	switch kind {
	case api.CredentialKindApp:
		return "app"
	case api.CredentialKindSigningKey:
		return "signing key"
	}
	return string(kind)
}

// reasonOf is an error of the contract in one sentence, for a part of a page that could not be read while the rest of it was.
func reasonOf(err error) string {
	var problem *api.Error
	switch {
	case !errors.As(err, &problem):
		return "the answer did not come in time."
	case errors.Is(err, api.Forbidden):
		return "the permission " + cmp.Or(problem.Permission, "for it") + " is missing. Somebody with a role that has it can look."
	}
	if problem.Detail == "" || strings.Contains(problem.Detail, "`") { // what programs are told to do
		return problem.Title + ". Try again in a few seconds."
	}
	return problem.Detail
}
