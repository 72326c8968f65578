package aggregation

import "net/http"

func listAccounts(_ *Model, c *call) (reply, *refusal) {
	found, ok := c.state.get(c.ids[0])
	if !ok {
		return reply{}, noCustomer()
	}
	return reply{http.StatusOK, found.accounts()}, nil
}

// refreshAccounts is Refresh Customer Accounts, the seed's example of a POST that
// has no body.
func refreshAccounts(_ *Model, c *call) (reply, *refusal) {
	if no := c.empty(); no != nil {
		return reply{}, no
	}
	return c.refresh()
}

// refreshLogin refreshes the accounts of one institution login; a demo customer has
// one login with both accounts.
func refreshLogin(_ *Model, c *call) (reply, *refusal) {
	if no := c.empty(); no != nil {
		return reply{}, no
	}
	found, ok := c.state.get(c.ids[0])
	switch {
	case !ok:
		return reply{}, noCustomer()
	case found.loginID() != c.ids[1]:
		return reply{}, noResource()
	}
	return c.refresh()
}

func (c *call) refresh() (reply, *refusal) {
	fresh, ok := c.state.change(c.ids[0], func(x *customer) {
		if x.aggregated == 0 {
			x.aggregated = c.now
		}
		x.refreshed = c.now
	})
	if !ok {
		return reply{}, noCustomer()
	}
	return reply{http.StatusOK, fresh.accounts()}, nil
}

// loadHistoric adds the older transactions of one account, once.
func loadHistoric(_ *Model, c *call) (reply, *refusal) {
	if no := c.empty(); no != nil {
		return reply{}, no
	}
	found, ok := c.state.get(c.ids[0])
	if !ok {
		return reply{}, noCustomer()
	}
	account, ok := found.account(c.ids[1])
	if !ok {
		return reply{}, noResource()
	}
	_, ok = c.state.change(c.ids[0], func(x *customer) {
		if x.historic[account] == 0 {
			x.historic[account] = c.now
		}
	})
	if !ok {
		return reply{}, noCustomer()
	}
	return reply{status: http.StatusNoContent}, nil
}

func listTransactions(_ *Model, c *call) (reply, *refusal) {
	from, to := c.query.number("fromDate", 0, 0), c.query.number("toDate", 0, maxNumber)
	descending := c.query.choice("sort", "desc", "asc") == "desc"
	pending := c.query.choice("includePending", "false", "true") == "true"
	wanted := c.query.page(maxLimit)
	if from > to {
		c.query.fail("fromDate is after toDate")
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	found, ok := c.state.get(c.ids[0])
	if !ok {
		return reply{}, noCustomer()
	}
	head, shown := cut(found.between(from, to, pending, descending), wanted)
	return reply{http.StatusOK, transactionList{envelope: head, Transactions: shown}}, nil
}

// between is the sorted transactions of all accounts posted from one second to
// another, both included.
func (c customer) between(from, to int64, pending, descending bool) []transactionView {
	all := make([]transactionView, 0)
	for account := range accountCount {
		for _, t := range c.transactions(account, pending) {
			if t.Posted >= from && t.Posted <= to {
				all = append(all, t)
			}
		}
	}
	byDate(all, descending)
	return all
}
