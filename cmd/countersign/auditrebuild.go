package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/audit/rollup"
	"github.com/spf13/cobra"
)

// rollups is the folder of the per-minute counts of a server.
func (p place) rollups(record recordPlace) string {
	if record.scope == "" {
		return filepath.Join(p.data, "rollups")
	}
	return filepath.Join(p.data, "rollups-"+record.scope)
}

// mine refuses to make files again that belong to the server, in the name of another user, even of root: the server could not
// open them. There may be nothing in made yet.
func (r *recordSession) mine(made string) error {
	for _, folder := range []string{r.record.dir, made} {
		info, err := os.Stat(folder)
		switch {
		case errors.Is(err, fs.ErrNotExist) && folder == made:
		case err != nil:
			return err
		case !ownedByMe(info):
			return hinted{fmt.Errorf("%s belongs to another user; nothing was changed", folder), "run it as the user that the server runs as, for example with sudo -u"}
		}
	}
	return nil
}

// rollupKeep is for how long they are kept; forever is as long as a duration can be.
func (p place) rollupKeep() time.Duration {
	if p.config == nil {
		return 0
	}
	if p.config.Records.Rollups.Keep == 0 {
		return math.MaxInt64
	}
	return p.config.Records.Rollups.Keep
}

func newAuditRollup(o *operator) *cobra.Command {
	c := &cobra.Command{Use: "rollup", Short: "The per-minute counts that charts are made of", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	server := ""
	rebuild := &cobra.Command{
		Use:   "rebuild",
		Short: "Make the per-minute counts again from the decision record",
		Long: `Make the per-minute counts again from the decision record, while no server runs. Days that the record does not reach back to any
more stay as they are. It has to be the server's user who does it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onRecord(c, server, func(r *recordSession) error {
				if err := r.mine(r.at.rollups(r.record)); err != nil {
					return err
				}
				cfg := rollup.Config{Dir: r.at.rollups(r.record), Keep: r.at.rollupKeep(), Now: clock, Log: r.log}
				done, err := rollup.Rebuild(r.ctx, cfg, r.record.dir)
				if errors.Is(err, rollup.ErrLocked) {
					return hinted{err, "stop the server first; it also makes them again by itself where they are damaged"}
				}
				if err != nil {
					return err
				}
				view := struct {
					Lines uint64   `json:"lines"`
					Days  []string `json:"days"`
					Kept  []string `json:"kept"`
				}{uint64(done.Lines), append([]string{}, done.Days...), append([]string{}, done.Kept...)}
				return r.out.show(view, "%d lines read; %s made, %d kept as they were", view.Lines, plural(len(done.Days), "day"), len(done.Kept))
			})
		},
	}
	serverFlag(rebuild, &server)
	c.AddCommand(rebuild)
	return c
}

func newAuditIndex(o *operator) *cobra.Command {
	c := &cobra.Command{Use: "index", Short: "The index beside the decision record", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	server := ""
	rebuild := &cobra.Command{
		Use:   "rebuild",
		Short: "Throw the index away and make it again from the decision record",
		Long:  "Throw the index away and make it again from the decision record. A server may run meanwhile. It has to be the server's user who does it.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onRecord(c, server, func(r *recordSession) error {
				if err := r.mine(filepath.Join(r.record.dir, "index")); err != nil {
					return err
				}
				searcher, err := r.searcher()
				if err != nil {
					return err
				}
				lines, err := searcher.Rebuild(r.ctx)
				if err != nil {
					return err
				}
				return r.out.show(map[string]uint64{"lines": lines}, "%d lines indexed", lines)
			})
		},
	}
	serverFlag(rebuild, &server)
	c.AddCommand(rebuild)
	return c
}
