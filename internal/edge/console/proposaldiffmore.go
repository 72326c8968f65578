package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
)

func (d *differ) credential() {
	var p struct {
		Credential     string
		Kind           string
		ClientKeys     []string  `json:"client_keys"`
		OverlapUntil   time.Time `json:"overlap_until"`
		EverySeconds   int64     `json:"every_seconds"`
		OverlapSeconds int64     `json:"overlap_seconds"`
		Next           time.Time
		Version        int
	}
	if !d.params(&p) {
		return
	}
	if d.p.Operation == "credential.issue" {
		d.out.Says = d.partner() + " gets a new credential for " + d.p.Environment +
			". Its secret is shown once, to whoever asked."
		d.row("Credential", "", kindWords(p.Kind))
		return
	}
	found, err := d.api.CredentialGet(d.ctx, p.Credential)
	d.blind(err)
	now, of := found.Value, "the credential "+orWord(found.Value.KeyID,
		d.name(p.Credential))+" of "+d.partner()+" in "+d.p.Environment
	switch d.p.Operation {
	case "credential.rotate":
		d.out.Says = "A new secret is made for " + of +
			", beside the present one for a while. It is shown once, to whoever asked."
		d.row("Newest version", versionWords(newest(now)), versionWords(newest(now)+1))
		d.row("Older versions", liveWords(now), endWords(p.OverlapUntil))
	case "credential.bind":
		d.out.Says = "Which TLS client keys may be used with " + of + " is set."
		d.row("Client keys", keysWords(now.ClientKeys), orWord(keysWords(p.ClientKeys), "bound to none"))
	case "credential.schedule":
		d.schedule(now, of, p.EverySeconds, p.OverlapSeconds, p.Next)
	case "credential.retire":
		d.out.Says = fmt.Sprintf("Version %d of %s ends for good.", p.Version, of)
		d.row("Version", versionWords(p.Version), "")
	case "credential.revoke":
		d.out.Says = "It is over for " + of + ", for good: every version and every access token."
	case "credential.unlock":
		d.out.Says = "Locked after wrong secrets, " + of + " may authenticate again."
	case "tokens.revoke":
		d.out.Says = "All access tokens end for " + of + "."
	}
}

func (d *differ) schedule(now api.Credential, of string, every, overlap int64, next time.Time) {
	d.out.Says = "A new secret is made on a schedule for " + of + "."
	then, thenOverlap := spanWords(time.Duration(every)*time.Second), spanWords(time.Duration(overlap)*time.Second)
	if every == 0 {
		d.out.Says = "No new secrets are made by themselves any more for " + of + "."
		then, thenOverlap = "", ""
	}
	s := now.Schedule
	d.row("A new secret every", spanWords(time.Duration(s.EverySeconds)*time.Second), then)
	d.row("Older versions go on for", spanWords(time.Duration(s.OverlapSeconds)*time.Second), thenOverlap)
	d.row("Next one", timeWords(s.Next), timeWords(next))
}

func newest(c api.Credential) int {
	n := 0
	for _, v := range c.Versions {
		n = max(n, v.Number)
	}
	return n
}

func versionWords(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("version %d", n)
}

func liveWords(c api.Credential) string {
	var list []string
	for _, v := range c.Versions {
		if v.Live {
			list = append(list, versionWords(v.Number))
		}
	}
	return strings.Join(list, ", ")
}

func keysWords(keys []string) string {
	short := make([]string, 0, len(keys))
	for _, k := range keys {
		short = append(short, clipped(k, 16))
	}
	return strings.Join(short, ", ")
}

// endWords says when older versions or keys end.
func endWords(at time.Time) string {
	if at.IsZero() {
		return "end at once"
	}
	return "end " + timeWords(at) + " at the latest"
}

// person is of accounts, service accounts and break-glass codes.
func (d *differ) person() {
	var p struct {
		Account, Login, Name string
		Roles                []string
		Permissions          []string
		Environments         []string
		AllEnvironments      bool      `json:"all_environments"`
		NotAfter             time.Time `json:"not_after"`
		Service              string
	}
	if !d.params(&p) {
		return
	}
	switch d.p.Operation {
	case "account.invite":
		d.out.Says = "Somebody is invited as an operator, by a one-time link that is shown once, to whoever asked."
		if p.Account != "" {
			d.out.Says = "A new one-time link is made for " + d.name(p.Account) +
				". The former ways of signing in count no more once it is used."
			return
		}
		d.row("Login", "", p.Login)
		d.row("Name", "", p.Name)
		d.row("Roles", "", strings.Join(p.Roles, ", "))
		d.row("Environments", "", scopeWords(p.Environments))
	case "account.change":
		d.accountChange(p.Account, p.Name, p.Roles, p.Environments, p.AllEnvironments)
	case "account.enable":
		d.out.Says = d.name(p.Account) + " may sign in again, with the roles of before."
		d.row("Account", "disabled", "active")
	case "service.create":
		d.out.Says = "A service account is made. Its token is shown once, to whoever asked."
		d.row("Name", "", p.Name)
		d.row("Roles", "", strings.Join(p.Roles, ", "))
		d.row("Single permissions", "", strings.Join(p.Permissions, ", "))
		d.row("Environments", "", scopeWords(p.Environments))
		d.row("Ends", "", timeWords(p.NotAfter))
	case "break_glass.make":
		d.out.Says = "A break-glass code is made. It lets its holder do everything for an hour without a second person, once."
		d.row("Name", "", p.Name)
		d.row("Can be used until", "", orWord(timeWords(p.NotAfter), "no end"))
	}
}

func (d *differ) accountChange(id, name string, roles, environments []string, all bool) {
	d.out.Says = "What " + d.name(id) + " may do is changed."
	found, err := d.api.AccountGet(d.ctx, id)
	now := found.Value
	d.blind(err)
	scope := ""
	if err == nil {
		scope = scopeWords(now.Environments)
	}
	if name != "" {
		d.row("Name", now.Name, name)
	}
	if roles != nil {
		d.row("Roles", strings.Join(now.Roles, ", "), strings.Join(roles, ", "))
	}
	if environments != nil || all {
		d.row("Environments", scope, scopeWords(environments))
	}
}

func scopeWords(environments []string) string {
	if len(environments) == 0 {
		return "all"
	}
	return strings.Join(environments, ", ")
}

func (d *differ) settings() {
	var p struct{ Approvals api.ApprovalsPut }
	if !d.params(&p) {
		return
	}
	d.out.Says = "How many other persons must approve a change is set anew."
	found, err := d.api.ApprovalsGet(d.ctx)
	known, now := !d.blind(err), found.Value
	number := func(n int) string {
		if !known {
			return ""
		}
		return personsWords(n)
	}
	d.row("Accounts", number(now.Accounts), personsWords(p.Approvals.Accounts))
	d.row("These settings", number(now.Settings), personsWords(p.Approvals.Settings))
	for _, e := range now.Environments {
		then := api.EnvironmentApprovals{}
		if i := slices.IndexFunc(p.Approvals.Environments,
			func(o api.EnvironmentApprovals) bool { return o.Environment == e.Environment }); i >= 0 {
			then = p.Approvals.Environments[i]
		}
		d.environment(e.Environment, e, then, number)
	}
	for _, e := range p.Approvals.Environments {
		if !slices.ContainsFunc(now.Environments,
			func(o api.EnvironmentApprovals) bool { return o.Environment == e.Environment }) {
			d.environment(e.Environment, api.EnvironmentApprovals{}, e, number)
		}
	}
}

// environment compares the settings of one environment, exceptions included.
func (d *differ) environment(name string, now, then api.EnvironmentApprovals, number func(int) string) {
	d.row("In "+name, number(now.Approvals), personsWords(then.Approvals))
	exceptions := map[string][2]string{}
	for _, o := range now.Operations {
		exceptions[o.Operation] = [2]string{number(o.Approvals), ""}
	}
	for _, o := range then.Operations {
		exceptions[o.Operation] = [2]string{exceptions[o.Operation][0], personsWords(o.Approvals)}
	}
	for _, operation := range sortedKeys(exceptions) {
		d.row("In "+name+": "+operation, exceptions[operation][0], exceptions[operation][1])
	}
}

func personsWords(n int) string {
	if n == 0 {
		return "nobody else"
	}
	return plural(n, "other person")
}
