package aggregation

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// customerRoot is the root element of a customer's XML document.
const customerRoot = "customer"

type customerList struct {
	XMLName xml.Name `json:"-" xml:"customers"`
	envelope
	Customers []customerView `json:"customers" xml:"customer"`
}

func createCustomer(kind string) action {
	return func(_ *Model, c *call) (reply, *refusal) {
		n, no := c.names()
		if no != nil {
			return reply{}, no
		}
		if blank(n.username) {
			return reply{}, missing("username")
		}
		fresh := customer{kind: kind, created: c.now}
		n.apply(&fresh)
		made, err := c.state.add(fresh)
		if err != nil {
			return reply{}, other(http.StatusConflict,
				fmt.Sprintf("This model upstream keeps at most %d customers; delete some first.", c.state.max))
		}
		return reply{http.StatusCreated, createdView{ID: made.id(), Username: made.username, Created: made.created}}, nil
	}
}

// names reads a customer's texts from the body.
func (c *call) names() (names, *refusal) {
	object, no := c.object()
	if no != nil {
		return names{}, no
	}
	if object.Root != "" && object.Root != customerRoot {
		return names{}, bad("the root element must be customer")
	}
	return parseNames(object)
}

func listCustomers(_ *Model, c *call) (reply, *refusal) {
	search, username := c.query.text("search"), c.query.text("username")
	kind := c.query.choice("type", "", typeTesting, typeActive)
	wanted := c.query.page(customerLimit)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	all := c.state.list(func(x customer) bool {
		return (username == "" || x.username == username) && (kind == "" || x.kind == kind) &&
			(holds(x.username, search) || holds(x.firstName, search) || holds(x.lastName, search))
	})
	head, shown := cut(all, wanted)
	return reply{http.StatusOK, customerList{envelope: head, Customers: shown}}, nil
}

func getCustomer(_ *Model, c *call) (reply, *refusal) {
	found, ok := c.state.get(c.ids[0])
	if !ok {
		return reply{}, noCustomer()
	}
	return reply{http.StatusOK, found.view()}, nil
}

// updateCustomer sets the texts that are given and leaves the others. A username
// may be changed, but not blanked.
func updateCustomer(_ *Model, c *call) (reply, *refusal) {
	n, no := c.names()
	switch {
	case no != nil:
		return reply{}, no
	case n.empty():
		return reply{}, missing("firstName")
	case n.username != nil && blank(n.username):
		return reply{}, missing("username")
	}
	if _, ok := c.state.change(c.ids[0], n.apply); !ok {
		return reply{}, noCustomer()
	}
	return reply{status: http.StatusNoContent}, nil
}

func deleteCustomer(_ *Model, c *call) (reply, *refusal) {
	if !c.state.remove(c.ids[0]) {
		return reply{}, noCustomer()
	}
	return reply{status: http.StatusNoContent}, nil
}

func listInstitutions(m *Model, c *call) (reply, *refusal) {
	search, wanted := c.query.text("search"), c.query.page(customerLimit)
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	head, shown := cut(matching(m.banks, search), wanted)
	return reply{http.StatusOK, institutionList{envelope: head, Institutions: shown}}, nil
}
