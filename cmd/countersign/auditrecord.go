package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// recordPlace is one decision record: that of the server which serves every environment, or that of one which serves some.
type recordPlace struct {
	scope string // empty: every environment; else "sandbox" or "production+sandbox", as in the folder's name
	dir   string
}

// decisions is the folder of the decision record of a server.
func (p place) decisions(scope string) recordPlace {
	dir := filepath.Join(p.data, "decisions")
	if p.config != nil {
		dir = p.config.Records.Decisions.Dir
	}
	if scope != "" {
		dir += "-" + scope
	}
	return recordPlace{scope, dir}
}

// records are the decision records that are there, that of every environment first.
func (p place) records() ([]recordPlace, error) {
	base := p.decisions("")
	paths, err := filepath.Glob(escapeGlob(base.dir) + "-*")
	if err != nil {
		return nil, err
	}
	scopes := []string{""}
	for _, path := range paths {
		scope := strings.TrimPrefix(path, base.dir+"-")
		if p.config != nil && !slices.ContainsFunc(strings.Split(scope, "+"), func(name string) bool { return p.config.Environment(name) == nil }) {
			scopes = append(scopes, scope)
		}
	}
	var found []recordPlace
	for _, scope := range scopes {
		record := p.decisions(scope)
		if info, err := os.Stat(record.dir); err == nil && info.IsDir() {
			found = append(found, record)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return found, nil
}

// record chooses the decision record of a server, or the only one that is there.
func (p place) record(server string) (recordPlace, error) {
	found, err := p.records()
	if err != nil {
		return recordPlace{}, err
	}
	var scopes []string
	for _, record := range found {
		if scopes = append(scopes, record.scope); server == record.scope && server != "" {
			return record, nil
		}
	}
	switch {
	case len(found) == 0 || server != "":
		where := p.decisions(server).dir
		return recordPlace{}, hinted{fmt.Errorf("no decision record in %s: %w", where, fs.ErrNotExist), "name the server's configuration with --config, or its data folder with --data"}
	case len(found) > 1 && found[0].scope != "":
		return recordPlace{}, hinted{errors.New("there are several decision records"), "choose the server's with --server: " + strings.Join(scopes, ", ")}
	}
	return found[0], nil
}

// otherRecords are the servers with a record that is not read where none is named.
func (p place) otherRecords(server string) ([]string, error) {
	if server != "" {
		return nil, nil
	}
	found, err := p.records()
	var scopes []string
	for _, record := range found {
		if record.scope != "" && len(found) > 1 {
			scopes = append(scopes, record.scope)
		}
	}
	return scopes, err
}

// recordSession is one command at work on a decision record. The register is opened only to find a partner by its name.
type recordSession struct {
	ctx    context.Context
	at     place
	record recordPlace
	out    *output
	log    *slog.Logger
}

// serverFlag takes which server's record is meant.
func serverFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "server", "", "`URL` of a server's operators' plane (else $"+serverVariable+"); or, on this disk, the record of the server that serves these environments alone: sandbox, or production+sandbox")
}

// asked tells which server's operators' plane is meant by --server, and else which record on this disk. Command lines from before
// there was a plane name environments with this flag, and go on.
func (o *operator) asked(server string) (plane, scope string, err error) {
	if server != "" && !isServer(server) {
		return "", server, nil
	}
	o.remote.server = server
	plane, err = o.server()
	return plane, "", err
}

// onRecords does work on the decision record: of a server over its plane, or on this disk.
func (o *operator) onRecords(c *cobra.Command, server string, there func(s *session) error, here func(r *recordSession) error) error {
	plane, _, err := o.asked(server)
	if err != nil {
		return err
	}
	if plane != "" {
		return o.read(c, there)
	}
	return o.onRecord(c, server, here)
}

// onRecord does work on the decision record of a server, on its disk.
func (o *operator) onRecord(c *cobra.Command, server string, work func(r *recordSession) error) error {
	plane, scope, err := o.asked(server)
	if err == nil && plane != "" {
		err = o.diskOnly(c)
	}
	if err != nil {
		return err
	}
	server = scope
	out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
	if err != nil {
		return err
	}
	at, err := o.locate()
	if err != nil {
		return err
	}
	record, err := at.record(server)
	if err != nil {
		return err
	}
	if others, err := at.otherRecords(server); err != nil {
		return err
	} else if len(others) > 0 {
		out.note("only the record of the server of every environment was read; for the others: --server %s", strings.Join(others, ", --server "))
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return advise(work(&recordSession{ctx: c.Context(), at: at, record: record, out: out, log: log}))
}

// searcher opens the record. Index files are written only into a folder of one's own: files of another user would be in the
// server's way.
func (r *recordSession) searcher() (*search.Searcher, error) {
	info, err := os.Stat(r.record.dir)
	if err != nil {
		return nil, err
	}
	return search.Open(search.Config{Dir: r.record.dir, ReadOnly: !ownedByMe(info), Log: r.log})
}

// decisionFilter are the flags that choose decisions.
type decisionFilter struct {
	requestID, partner, credential, environment, api, reason, warning, shadow, decision, address, since, until string
	server                                                                                                     string
	oldestFirst, scan                                                                                          bool
}

func (f *decisionFilter) flags(o *operator, c *cobra.Command, decision string) {
	flags := c.Flags()
	flags.StringVar(&f.requestID, "request-id", "", "only the request with this `ID`")
	flags.StringVar(&f.partner, "partner", "", "only this `PARTNER`")
	flags.StringVar(&f.credential, "credential", "", "only this credential, by its `ID` (crd_...)")
	environmentFlag(c, &f.environment, false)
	flags.StringVar(&f.api, "api", "", "only this API, by its `NAME`")
	flags.StringVar(&f.reason, "reason", "", "only this `REASON`, for example bad_signature")
	flags.StringVar(&f.warning, "warning", "", "only what was let in with this `WARNING`, because the setting that would refuse it only warns: "+strings.Join(warningNames, ", "))
	flags.StringVar(&f.shadow, "shadow", "", "only what the shadow profile made this `RESULT` of: ok, failed (anything else), or a reason")
	flags.StringVar(&f.decision, "decision", decision, "`WHICH`: allow, refuse, final (both), admit, gap or any")
	flags.StringVar(&f.address, "address", "", "only from this client `ADDRESS` or prefix")
	flags.StringVar(&f.since, "since", "", "only from this `TIME` on: 2026-11-20T10:00:00Z, or a span back from now such as 2h")
	flags.StringVar(&f.until, "until", "", "only before this `TIME`")
	serverFlag(c, &f.server)
	_ = c.RegisterFlagCompletionFunc("partner", completePartner(o))
	_ = c.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(reasonNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("warning", cobra.FixedCompletions(warningNames, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("decision", cobra.FixedCompletions([]cobra.Completion{"allow", "refuse", "final", "admit", "gap", "any"}, cobra.ShellCompDirectiveNoFileComp))
	completeEnvironments(o, c)
}

// warningNames are the words that a decision's list of warnings can hold.
var warningNames = []string{"address_not_listed", "client_certificate", "header_name", access.ReplayUnjudged}

func reasonNames() []string {
	var names []string
	for _, reason := range access.Reasons() {
		names = append(names, reason.String())
	}
	return names
}

// query turns the flags into a question, and refuses what would be found nowhere because of a slip.
func (f *decisionFilter) query(now time.Time, partnerID func(who string) (string, error)) (search.Query, error) {
	q := search.Query{RequestID: f.requestID, Credential: f.credential, Environment: f.environment, API: f.api, Reason: f.reason, Warning: f.warning, Shadow: f.shadow,
		OldestFirst: f.oldestFirst, Scan: f.scan}
	if f.decision != "any" {
		q.Decision = f.decision
	}
	names := reasonNames()
	if f.reason != "" && !slices.Contains(names, f.reason) {
		hint := scheme.Nearest(f.reason, names)
		if hint == "" {
			hint = "docs/refusals.md lists them"
		}
		return q, hinted{fmt.Errorf("--reason %s: there is no such reason", f.reason), hint}
	}
	if f.warning != "" && !slices.Contains(warningNames, f.warning) {
		return q, hinted{fmt.Errorf("--warning %s: there is no such warning", f.warning), "one of " + strings.Join(warningNames, ", ")}
	}
	var err error
	if f.address != "" {
		if q.Address, err = parseNetwork(f.address); err != nil {
			return q, fmt.Errorf("--address: %w", err)
		}
	}
	if q.From, err = parsePast(f.since, now); err != nil {
		return q, fmt.Errorf("--since %s: %w", f.since, err)
	}
	if q.To, err = parsePast(f.until, now); err != nil {
		return q, fmt.Errorf("--until %s: %w", f.until, err)
	}
	if q.Partner, err = partnerID(f.partner); err != nil {
		return q, err
	}
	if err := q.Validate(); err != nil {
		return q, err
	}
	return q, nil
}

func hasPartnerID(who string) bool { return strings.HasPrefix(who, "ptn_") }

// partnerID takes an id as it is, since its partner may be in an older register; any other name is looked up.
func (r *recordSession) partnerID(who string) (string, error) {
	if who == "" || hasPartnerID(who) {
		return who, nil
	}
	register, db, err := r.at.open(r.ctx)
	if err != nil {
		return "", err
	}
	s := &session{register: register, ctx: r.ctx, disk: register, store: db, out: r.out, at: r.at, close: db.Close}
	p, err := s.partner(who)
	return p.ID, errors.Join(err, db.Close())
}
