package aggregation

import (
	"net/http"

	"countersign.dev/internal/sandbox/route"
)

// routes are all calls of the model, one line each, without the base path. The docs
// list the same, which a test holds them to.
func routes() []route.Route[action] {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		one                 = "/v1/customers/{customer}"
	)
	return []route.Route[action]{
		{Method: post, Pattern: "/v1/customers/testing", Do: createCustomer(typeTesting)},
		{Method: post, Pattern: "/v2/customers/testing", Do: createCustomer(typeTesting)},
		{Method: post, Pattern: "/v1/customers/active", Do: createCustomer(typeActive)},
		{Method: post, Pattern: "/v2/customers/active", Do: createCustomer(typeActive)},
		{Method: get, Pattern: "/v1/customers", Do: listCustomers},
		{Method: get, Pattern: one, Do: getCustomer},
		{Method: put, Pattern: one, Do: updateCustomer},
		{Method: del, Pattern: one, Do: deleteCustomer},
		{Method: get, Pattern: "/v1/institutions", Do: listInstitutions},
		{Method: get, Pattern: "/institution/v2/institutions", Do: listInstitutions},
		{Method: get, Pattern: one + "/accounts", Do: listAccounts},
		{Method: post, Pattern: one + "/accounts", Do: refreshAccounts},
		{Method: post, Pattern: one + "/institutionLogins/{login}/accounts", Do: refreshLogin},
		{Method: get, Pattern: "/v2/customers/{customer}/transactions", Do: listTransactions},
		{Method: get, Pattern: "/v3/customers/{customer}/transactions", Do: listTransactions},
		{Method: post, Pattern: one + "/accounts/{account}/transactions/historic", Do: loadHistoric},
	}
}
