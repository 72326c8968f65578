package remote

import (
	"context"

	"countersign.dev/api"
)

// Nodes are the server processes that decide by the register, and the register's revision.
func (c *Client) Nodes(ctx context.Context) ([]Node, uint64, error) {
	page, err := Value(c.API.NodeList(ctx))
	nodes := make([]Node, 0, len(page.Items))
	for _, n := range page.Items {
		nodes = append(nodes, Node{Name: n.Name, Environment: n.Environment, Revision: uint64(n.Revision), State: n.State,
			Confirmed: n.State == api.NodeStateStopped || n.Revision >= page.Revision, TookMs: n.TookMs, ReadAgeMs: n.ReadAgeMs, StopsAt: n.StopsAt})
	}
	return nodes, uint64(page.Revision), err
}

// Revision is the number of changes so far.
func (c *Client) Revision(ctx context.Context) (uint64, error) {
	_, revision, err := c.Nodes(ctx)
	return revision, err
}
