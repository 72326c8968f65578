package main

import (
	"fmt"
	"io"
	"strings"

	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

func newWhoami() *cobra.Command {
	o := new(operator)
	c := &cobra.Command{
		Use:   "whoami",
		Short: "Tell in whose name commands act, and what that one may do",
		Long: `Tell in whose name commands act. On this disk that is the user of the operating system, who may do everything: whoever has the
disk is root. With --server it is the account that is signed in, or the service account of the token.`,
		Example: "  countersign whoami --server https://countersign.example.com",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			server, err := o.server()
			if err != nil {
				return err
			}
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
			if err != nil {
				return err
			}
			if server == "" {
				actor := localActor()
				return out.show(map[string]string{"actor": actor.String()}, "%s: the user of the operating system, who may do everything on this disk", actor)
			}
			return o.read(c, func(s *session) error { return s.whoami() })
		},
	}
	o.flags(c)
	return c
}

func (s *session) whoami() error {
	me, err := remote.Value(s.remote.API.Me(s.ctx))
	if err != nil {
		return err
	}
	if s.out.json {
		return s.out.encode(me)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s\n", me.Actor, s.remote.Server())
	for _, row := range [][2]string{{"kind", me.Kind}, {"roles", strings.Join(me.Roles, ", ")}, {"permissions", strings.Join(me.Permissions, ", ")},
		{"environments", environmentsOf(me.Environments)}, {"until", when(me.ExpiresAt)}} {
		if row[1] != "" {
			fmt.Fprintf(&b, "%-13s %s\n", row[0], row[1])
		}
	}
	_, err = io.WriteString(s.out.out, b.String())
	return err
}

// environmentsOf says to which environments somebody is confined.
func environmentsOf(names []string) string {
	if names == nil {
		return "all"
	}
	return strings.Join(names, ", ")
}
