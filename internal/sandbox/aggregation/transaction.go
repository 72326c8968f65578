package aggregation

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
)

const (
	postedCount   = 40  // posted transactions of an account after the first refresh
	pendingCount  = 2   // and pending ones
	historicCount = 600 // and older ones after a historic load
	day           = 24 * 60 * 60
	noon          = day / 2
)

// transactionView is a transaction as it is listed.
type transactionView struct {
	XMLName     xml.Name `json:"-" xml:"transaction"`
	ID          string   `json:"id" xml:"id"`
	Amount      cents    `json:"amount" xml:"amount"`
	AccountID   string   `json:"accountId" xml:"accountId"`
	Status      string   `json:"status" xml:"status"`
	Description string   `json:"description" xml:"description"`
	Posted      int64    `json:"postedDate" xml:"postedDate"`
	Created     int64    `json:"createdDate" xml:"createdDate"`
}

type transactionList struct {
	XMLName xml.Name `json:"-" xml:"transactions"`
	envelope
	Transactions []transactionView `json:"transactions" xml:"transaction"`
}

// payees are what demo money is spent on, in turn.
var payees = [...]string{
	"MODEL GROCERY", "MODEL FUEL STATION", "MODEL COFFEE HOUSE", "MODEL PHARMACY",
	"MODEL TRANSIT PASS", "MODEL BOOKSHOP", "MODEL UTILITIES & WATER",
}

// transactions are those of one demo account. They are computed, not stored: from
// the day of the customer's creation backwards, the same for every customer except
// for ids and dates. So memory does not grow with what is loaded.
func (c customer) transactions(account int, pending bool) []transactionView {
	list := make([]transactionView, 0, postedCount+pendingCount)
	today := c.created - c.created%day
	if c.aggregated != 0 {
		for i := range int64(postedCount) {
			list = append(list, c.transaction(account, i+1, "active", today-(3*i+1)*day+noon, c.aggregated))
		}
	}
	if c.aggregated != 0 && pending {
		for i := range int64(pendingCount) {
			list = append(list, c.transaction(account, postedCount+i+1, "pending", today, c.aggregated))
		}
	}
	if loaded := c.historic[account]; loaded != 0 {
		for i := range int64(historicCount) {
			list = append(list, c.transaction(account, 1001+i, "active", today-(3*postedCount+1+i)*day+noon, loaded))
		}
	}
	return list
}

func (c customer) transaction(account int, n int64, status string, posted, created int64) transactionView {
	amount, description := demoEntry(account, n)
	return transactionView{
		ID: fmt.Sprintf("%s%04d", c.accountID(account), n), Amount: amount, AccountID: c.accountID(account),
		Status: status, Description: description, Posted: posted, Created: created,
	}
}

// demoEntry is what the n-th transaction of an account is about: every tenth brings
// money in, the others spend between 3.00 and 122.99.
func demoEntry(account int, n int64) (cents, string) {
	switch {
	case n%10 == 0 && account == 0:
		return 1850_00, "MODEL EMPLOYER PAYROLL"
	case n%10 == 0:
		return 12_34, "INTEREST PAID"
	}
	return -cents(300 + (n*7919+int64(account)*104729)%12000), payees[n%int64(len(payees))]
}

// byDate sorts by the day of posting, then by id, so that pages never overlap.
func byDate(list []transactionView, descending bool) {
	slices.SortFunc(list, func(a, b transactionView) int {
		order := cmp.Or(cmp.Compare(a.Posted, b.Posted), cmp.Compare(a.ID, b.ID))
		if descending {
			return -order
		}
		return order
	})
}
