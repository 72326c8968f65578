package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// Bounds and times of what needs a person.
const (
	maxAttention = 100 // items that one answer lists; the others are counted
	endsWithin   = 30 * 24 * time.Hour
	endsNow      = 3 * 24 * time.Hour
	lostWithin   = 24 * time.Hour
	lagAllowed   = 30 * time.Second

	stoppedToldFor = time.Hour // a node that has stopped by itself is told of; longer, and it has been taken away
)

// needs gathers what needs a person, as far as the caller may know of it.
type needs struct {
	*call
	now   time.Time
	items []api.AttentionItem
}

func (n *needs) add(i api.AttentionItem) {
	i.At = i.At.UTC()
	n.items = append(n.items, i)
}

// Attention tells what needs a person now.
func (h handlers) Attention(w http.ResponseWriter, _ *http.Request) {
	n := &needs{call: w.(*call), now: h.cfg.Now().UTC()}
	for _, ask := range []func() error{n.register, n.proposals, n.breakGlass, n.nodesBehind, n.traffic, n.records} {
		if err := ask(); err != nil {
			n.fail(err)
			return
		}
	}
	slices.SortStableFunc(n.items, func(a, b api.AttentionItem) int {
		if a.Grave != b.Grave {
			return cmp.Compare(rank(!a.Grave), rank(!b.Grave))
		}
		return cmp.Or(cmp.Compare(rank(a.At.IsZero()), rank(b.At.IsZero())), a.At.Compare(b.At))
	})
	out := api.Attention{At: n.now, Items: []api.AttentionItem{}, More: max(0, len(n.items)-maxAttention)}
	out.Items = append(out.Items, n.items[:min(len(n.items), maxAttention)]...)
	n.json(http.StatusOK, out)
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// register is what all rows of partners say.
func (n *needs) register() error {
	s, err := n.s.standing.get(n.r.Context(), n.s)
	if err != nil {
		return err
	}
	for _, r := range s.reviews {
		n.review(r, s)
	}
	for _, k := range s.locked {
		if n.who.Sees(k.Environment) {
			n.add(api.AttentionItem{Kind: api.AttentionItemKindCredentialLocked, Grave: true, At: k.LockedAt, Environment: k.Environment, PartnerID: k.PartnerID,
				PartnerName: s.names[k.PartnerID], CredentialID: k.ID, Text: fmt.Sprintf("Locked after wrong secrets in %s: the partner gets no access token until it is unlocked.", k.Environment)})
		}
	}
	for _, e := range s.endings {
		if n.who.Sees(e.environment) && e.at.Before(n.now.Add(endsWithin)) && !e.at.Before(n.now) {
			n.add(api.AttentionItem{Kind: api.AttentionItemKindCredentialExpires, Grave: e.at.Before(n.now.Add(endsNow)), At: e.at, Environment: e.environment,
				PartnerID: e.partner, PartnerName: s.names[e.partner], CredentialID: e.credential,
				Text: fmt.Sprintf("Version %d of a credential in %s ends, and none comes after it: rotate it before.", e.version, e.environment)})
		}
	}
	for _, p := range s.pending {
		if n.who.Sees(p.Environment) && !p.Until.Before(n.now) {
			n.add(api.AttentionItem{Kind: api.AttentionItemKindSecretWaiting, At: p.Until, Environment: p.Environment, PartnerID: p.PartnerID, PartnerName: s.names[p.PartnerID],
				CredentialID: p.CredentialID, Text: fmt.Sprintf("The schedule made version %d in %s. Its secret waits to be handed over, and ends unused if nobody takes it.", p.Version, p.Environment)})
		}
	}
	return nil
}

func (n *needs) review(r partner.Review, s *stock) {
	if !n.who.Sees(r.Environment) {
		return
	}
	text := "A review for " + r.Environment + " was requested, and nobody has taken it up yet."
	if r.State == partner.ReviewStarted {
		text = "A review for " + r.Environment + " is being worked on."
	}
	n.add(api.AttentionItem{Kind: api.AttentionItemKindReviewWaiting, At: r.ChangedAt, Environment: r.Environment, PartnerID: r.PartnerID, PartnerName: s.names[r.PartnerID], Text: text})
}

// proposals are those that wait for a second person.
func (n *needs) proposals() error {
	page, err := n.s.cfg.Registry.Proposals(n.r.Context(), registry.ProposalQuery{State: registry.ProposalOpen, Limit: registry.MaxPage})
	if err != nil {
		return err
	}
	for _, item := range page.Items {
		p := item.Value
		if p.State != registry.ProposalOpen || !n.seesProposal(p) {
			continue
		}
		text := fmt.Sprintf("%s asks for %s: it has %d of %d approvals.", clip(p.RequestedBy, 100), p.Operation.Name, len(p.Approvals), p.Needed)
		n.add(api.AttentionItem{Kind: api.AttentionItemKindProposalWaiting, At: p.CreatedAt, Environment: p.Operation.Environment, PartnerID: p.Operation.PartnerID,
			PartnerName: p.Names[p.Operation.PartnerID], ProposalID: p.ID, Text: text})
	}
	return nil
}

// breakGlass are the open sessions of those who act without a second person.
func (n *needs) breakGlass() error {
	if !n.who.May(operator.AccountsRead, "") {
		return nil
	}
	codes, err := n.s.cfg.Registry.BreakGlassCodes(n.r.Context())
	if err != nil {
		return err
	}
	for _, b := range codes {
		if b.State(n.now) == operator.BreakGlassOpen {
			n.add(api.AttentionItem{Kind: api.AttentionItemKindBreakGlassOpen, Grave: true, At: b.OpenedAt,
				Text: fmt.Sprintf("Somebody acts with break-glass code %s, without a second person: %s", clip(b.Name, 60), clip(b.OpenedFor, 200))})
		}
	}
	return nil
}

// nodesBehind are server processes that decide by an older state than the register's for longer than a change takes, and those that the
// others do not hear from.
func (n *needs) nodesBehind() error {
	if n.s.cfg.Nodes == nil || !n.who.May(operator.NodesRead, "") {
		return nil
	}
	reg := n.s.cfg.Registry
	revision, err := reg.Revision(n.r.Context())
	if err != nil {
		return err
	}
	last, err := reg.ChangePage(n.r.Context(), audit.ChangeQuery{Newest: true, Limit: 1}, "")
	if err != nil {
		return err
	}
	nodes, err := n.s.cfg.Nodes(n.r.Context())
	if err != nil {
		return err
	}
	settled := len(last.Items) > 0 && n.now.Sub(last.Items[0].Value.At) >= lagAllowed // a change has had the time to arrive
	for _, node := range nodes {
		if n.who.Sees(node.Environment) {
			n.node(node, revision, settled)
		}
	}
	return nil
}

// node tells of one that a person should look at.
func (n *needs) node(node Node, revision uint64, settled bool) {
	item := api.AttentionItem{Kind: api.AttentionItemKindNodeBehind, Grave: true, At: node.At, Environment: node.Environment}
	name, state := clip(node.Name, 100), node.state(revision)
	switch {
	case state == registry.NodeSilent:
		item.Grave = node.Revision < revision
		item.Text = fmt.Sprintf("%s, which serves %s, has said nothing for %s. If it is cut off, it decides by revision %d and stops by itself at %s; if it has ended, nothing is to be done.",
			name, node.Environment, node.Silence.Round(time.Second), node.Revision, node.StopsAt.UTC().Format(time.RFC3339))
	case state == registry.NodeStopped && node.Silence < stoppedToldFor:
		item.Grave = false
		item.Text = fmt.Sprintf("%s, which serves %s, has not read the register for %s. If it runs, it refuses everything as snapshot_stale.",
			name, node.Environment, node.ReadAge.Round(time.Second))
	case state == registry.NodeBehind && settled && (node.State != "" || n.now.Sub(node.At) >= lagAllowed):
		item.Text = fmt.Sprintf("%s decides in %s by revision %d; the register is at %d. A revocation since then is not in force there.", name,
			node.Environment, node.Revision, revision)
	default:
		return
	}
	n.add(item)
}

// traffic is what the counts say.
func (n *needs) traffic() error {
	sums := n.s.cfg.Traffic
	if sums == nil {
		return nil
	}
	for _, r := range sums.Rises(n.mayRead) {
		n.add(api.AttentionItem{Kind: api.AttentionItemKindRefusalsRise, Grave: r.Count >= r.Allowed, At: r.Since, Environment: r.Environment, API: r.API, Reason: r.Reason,
			Count: int64(r.Count), Usual: float32(max(r.Mean, r.Usual)), Text: riseText(r)})
	}
	if n.who.Confined() || !n.mayRead("") {
		return nil // the record does not say in which environment lines are missing
	}
	if lost, _ := sums.Lost(n.now.Add(-lostWithin)); lost > 0 {
		n.add(api.AttentionItem{Kind: api.AttentionItemKindLinesLost, At: n.now.Add(-lostWithin), Count: int64(lost),
			Text: fmt.Sprintf("%d lines of the decision record of the last day could not be written: the record says where they are missing.", lost)})
	}
	return nil
}

// riseText explains the rule by its numbers.
func riseText(r traffic.Rise) string {
	where := r.Environment
	if r.API != "" {
		where += "/" + r.API
	}
	text := fmt.Sprintf("%d requests in %s were refused as %s within the last %d minutes.", r.Count, where, r.Reason, int(traffic.RiseSpan/time.Minute))
	if r.Days == 0 && r.Mean == 0 {
		return text + fmt.Sprintf(" There is nothing to compare with yet: %d and more are told.", traffic.RiseFloor)
	}
	text += fmt.Sprintf(" Usual are %.1f, the mean of the day before", r.Mean)
	if r.Days > 0 {
		text += fmt.Sprintf(", and %.0f, the median at this time on the last %d days", r.Usual, r.Days)
	}
	return text + fmt.Sprintf("; %d times the greater one, and at least %d, is told.", traffic.RiseFactor, traffic.RiseFloor)
}

// records are those in which a fault was found.
func (n *needs) records() error {
	if !n.who.May(operator.ChangesRead, "") && !n.who.May(operator.RecordsExport, "") {
		return nil
	}
	for _, s := range n.faulty() {
		n.add(api.AttentionItem{Kind: api.AttentionItemKindRecordFaulty, Grave: true, At: s.VerifiedAt, Count: int64(len(s.Faults)),
			Text: fmt.Sprintf("The record %s is not what was written: %s", s.Name, clip(s.Faults[0], 300))})
	}
	return nil
}
