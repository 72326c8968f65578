package main

import (
	"fmt"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newNode() *cobra.Command {
	o := new(operator)
	return o.group("node", "See which servers decide by the register", "See which server processes decide by the register, and how far each of them is.", newNodeList(o))
}

func newNodeList(o *operator) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the servers, and the revision that each decides by",
		Long: `List the servers, and the revision that each decides by: on a data folder those that run there, of a register that many machines
share every one that was heard of within a day. A server that is silent may have ended, or be cut off and still decide by what it
read last: STOPS AT says when it refuses everything by itself, unless it reads the register before. All times are the database's.`,
		Example: "  countersign node list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				page, err := remote.Value(p.API.NodeList(s.ctx))
				if err != nil {
					return err
				}
				page.Items = append([]api.Node{}, page.Items...)
				shared := false
				for _, n := range page.Items {
					shared = shared || !n.StopsAt.IsZero() || n.State == api.NodeStateSilent
				}
				var rows [][]string
				for _, n := range page.Items {
					rows = append(rows, nodeRow(n, page.Revision, shared))
				}
				columns := []string{"NODE", "ENVIRONMENT", "REVISION", "STATE", "SAID AT"}
				if shared {
					columns = append(columns, "IN FORCE AFTER", "LAST READING", "STOPS AT", "VERSION")
				}
				return s.out.table(page, fmt.Sprintf("no server runs; the register is at revision %d", page.Revision), columns, rows)
			})
		},
	}
}

// nodeRow is one server and environment. What a shared register tells beyond the rest has columns of its own.
func nodeRow(n api.Node, revision int64, shared bool) []string {
	row := []string{safeText([]byte(n.Name)), n.Environment, fmt.Sprint(n.Revision), nodeStands(n, revision), when(n.At)}
	if !shared {
		return row
	}
	took, read, stops := "-", "-", "-"
	if n.TookMs != nil {
		took = fmt.Sprintf("%.1f ms", *n.TookMs)
	}
	if n.ReadAgeMs != nil {
		read = (time.Duration(*n.ReadAgeMs) * time.Millisecond).Round(100*time.Millisecond).String() + " ago"
	}
	if !n.StopsAt.IsZero() {
		stops = when(n.StopsAt)
	}
	return append(row, took, read, stops, safeText([]byte(n.Version)))
}

// nodeStands is how a server stands, in words.
func nodeStands(n api.Node, revision int64) string {
	switch {
	case n.State == api.NodeStateSilent, n.State == api.NodeStateStopped:
		return string(n.State)
	case n.State == api.NodeStateStarting && revision > 0:
		return "starting"
	case n.Revision < revision:
		return plural(int(revision-n.Revision), "change") + " behind"
	}
	return "up to date"
}
