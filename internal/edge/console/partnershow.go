package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// partnerPage is the Data of the page "partner". Each part that could not be read says why in its Fault and leaves the others alone.
type partnerPage struct {
	Partner     api.Partner
	Tone, Words string // of the stage; empty: not shown
	Path        string
	May         partnerMay

	environments []api.Environment
	Waiting      []partnerWait
	WaitingFault string

	Reviews     []reviewCard
	ReviewFault string

	Credentials     []partnerCredential
	MoreCredentials string
	CredentialFault string
	LockedNow       bool

	Usage      []api.EnvironmentUsage
	UsageFault string
	UsageGaps  []string

	Rules        []api.Network
	Networks     []networkView
	NetworkFault string

	Limits        []limitRow
	LimitFault    string
	MoreLimits    int
	Endpoints     []endpointRow
	EndpointFault string
	MoreEndpoints int
	Members       []memberRow
	MemberFault   string
	Refusals      []partnerRefusal
	RefusalFault  string
	AllRefusals   string
	Changes       []partnerChange
	ChangeFault   string
	AllChanges    string

	credentials []api.Credential
}

// partnerMay is what the visitor may do on this page; the API decides.
type partnerMay struct{ Credentials, Networks, Limits, Endpoints, Members bool }

// partnerWait is a proposal that waits.
type partnerWait struct {
	api.Proposal
	Path, What, By string
	Have           int
}

// partnerRefusal is one refused request.
type partnerRefusal struct {
	Path        string
	Time        time.Time `json:"time"`
	RequestID   string    `json:"request_id"`
	Environment string    `json:"environment"`
	API         string    `json:"api"`
	Reason      string    `json:"reason"`
	Method      string    `json:"method"`
	Target      string    `json:"path"`
	Status      int       `json:"status"`
	Address     string    `json:"address"`
}

// partnerChange is one row of the timeline.
type partnerChange struct {
	api.Change
	Words, By, Path string
}

// How much of the records the page shows, and how long it waits for them.
const (
	partnerRefusals = 10
	partnerChanges  = 20
	partnerMost     = 60 // credentials
	partnerWaitsFor = 5 * time.Second
)

// partnerShow shows one partner on one page.
func (v *visit) partnerShow(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	environments, err := v.environments(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := &partnerPage{Partner: p, Path: partnerPath(p.ID), environments: environments, May: v.partnerMay(p)}
	data.Tone, data.Words = stageWords(p.Stage)
	if err := v.gather(r.Context(), data); err != nil {
		v.fail(w, r, err)
		return
	}
	v.show(w, r, "partner", page.View{Title: p.Name, Heading: page.Cut(120, p.Name), Section: "partners", Data: data, Tabs: data.tabs(),
		Trail: []page.Item{{Text: "Partners", Href: base + "/partners"}}, Actions: v.partnerActions(data)})
}

// partnerMay asks for the permissions in any environment; the page of a change names those that it is for.
func (v *visit) partnerMay(p api.Partner) partnerMay {
	if p.Closed {
		return partnerMay{}
	}
	return partnerMay{Credentials: v.may("credentials.write", ""), Networks: v.may("networks.write", ""), Limits: v.may("limits.write", ""),
		Endpoints: v.may("endpoints.write", ""), Members: v.may("members.write", "")}
}

// partnerActions are the changes that reach into all environments: nobody has them who is confined to some.
func (v *visit) partnerActions(data *partnerPage) (list []page.Item) {
	if data.Partner.Closed || v.me.Environments != nil || !v.may("partners.write", "") {
		return nil
	}
	if data.LockedNow {
		list = append(list, page.Item{Text: "Unlock", Href: data.Path + "/unlock", Main: true})
	}
	return append(list, page.Item{Text: "Close the partner", Href: data.Path + "/close"})
}

// tabs lead to the sections of the page.
func (d *partnerPage) tabs() (list []page.Item) {
	if len(d.Waiting)+len(d.WaitingFault) > 0 {
		list = append(list, page.Item{Text: "Waiting", Href: "#waiting", Count: len(d.Waiting)})
	}
	return append(list, page.Item{Text: "Reviews", Href: "#reviews"}, page.Item{Text: "Credentials", Href: "#credentials", Count: len(d.credentials)},
		page.Item{Text: "Networks", Href: "#networks", Count: len(d.Rules)}, page.Item{Text: "Limits", Href: "#limits", Count: len(d.Limits)},
		page.Item{Text: "Webhooks", Href: "#endpoints", Count: len(d.Endpoints)}, page.Item{Text: "Members", Href: "#members", Count: len(d.Members)},
		page.Item{Text: "Refusals", Href: "#refusals"}, page.Item{Text: "Timeline", Href: "#timeline"})
}

// gather reads all parts at once, each on its own: the page is as slow as its slowest part, and one that fails leaves the others.
func (v *visit) gather(ctx context.Context, data *partnerPage) error {
	records, cancel := context.WithTimeout(ctx, partnerWaitsFor)
	defer cancel()
	if err := together(
		func() { v.readWaiting(ctx, data) }, func() { v.readReviews(ctx, data) }, func() { v.readCredentials(ctx, data) },
		func() { v.readUsage(records, data) }, func() { v.readNetworks(ctx, data) }, func() { v.readLimits(ctx, data) },
		func() { v.readEndpoints(ctx, data) }, func() { v.readMembers(ctx, data) }, func() { v.readRefusals(records, data) },
		func() { v.readChanges(records, data) },
	); err != nil {
		return err
	}
	data.Networks = networksOf(environmentNames(data.environments), data.Rules, data.Usage)
	data.Credentials = partnerCredentialRows(data.credentials, data.Usage, data.UsageFault == "")
	data.LockedNow = slices.ContainsFunc(data.credentials, func(c api.Credential) bool { return c.State == api.CredentialStateLocked })
	for i := range data.Reviews {
		if err := v.fill(&data.Reviews[i], data.Partner); err != nil {
			return err
		}
	}
	return nil
}

// together does all parts at once and waits for them. One that panics is an error: in a goroutine of its own it would end the whole
// server, which lets partners in as well.
func together(parts ...func()) error {
	var all sync.WaitGroup
	faults := make([]error, len(parts))
	for i, part := range parts {
		all.Go(func() {
			defer func() {
				if fault := recover(); fault != nil {
					faults[i] = fmt.Errorf("panic: %v", fault)
				}
			}()
			part()
		})
	}
	all.Wait()
	return errors.Join(faults...)
}
