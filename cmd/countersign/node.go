package main

import (
	"fmt"

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
		Use:     "list",
		Short:   "List the servers, and the revision that each decides by",
		Example: "  countersign node list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.onPlane(c, func(s *session, p *remote.Client) error {
				page, err := remote.Value(p.API.NodeList(s.ctx))
				if err != nil {
					return err
				}
				page.Items = append([]api.Node{}, page.Items...)
				var rows [][]string
				for _, n := range page.Items {
					behind := "up to date"
					if n.Revision < page.Revision {
						behind = fmt.Sprintf("%s behind", plural(int(page.Revision-n.Revision), "change"))
					}
					rows = append(rows, []string{safeText([]byte(n.Name)), n.Environment, fmt.Sprint(n.Revision), behind, when(n.At)})
				}
				return s.out.table(page, fmt.Sprintf("no server runs; the register is at revision %d", page.Revision),
					[]string{"NODE", "ENVIRONMENT", "REVISION", "STATE", "SAID AT"}, rows)
			})
		},
	}
}
