package aggregation

import (
	"encoding/xml"
	"strconv"
)

// accountCount is how many demo accounts each customer has.
const accountCount = 2

// demoInstitution is the institution of every demo account: the first of the list.
const demoInstitution = "102101"

// loginDigit ends the id of a customer's one institution login, after the customer's
// own id; accounts end in 1 and 2.
const loginDigit = "5"

// demoAccounts are the same for every customer, except for ids and dates.
var demoAccounts = [accountCount]struct {
	number, name, kind string
	balance            cents
}{
	{"1000001111", "Model Checking", "checking", 2543_75},
	{"1000002222", "Model Savings", "savings", 18200_00},
}

// accountView is an account as it is listed. The dates of aggregation appear after
// the first refresh.
type accountView struct {
	XMLName       xml.Name `json:"-" xml:"account"`
	ID            string   `json:"id" xml:"id"`
	Number        string   `json:"number" xml:"number"`
	Name          string   `json:"name" xml:"name"`
	Balance       cents    `json:"balance" xml:"balance"`
	Type          string   `json:"type" xml:"type"`
	Status        string   `json:"status" xml:"status"`
	CustomerID    string   `json:"customerId" xml:"customerId"`
	InstitutionID string   `json:"institutionId" xml:"institutionId"`
	BalanceDate   int64    `json:"balanceDate" xml:"balanceDate"`
	Created       int64    `json:"createdDate" xml:"createdDate"`
	LoginID       string   `json:"institutionLoginId" xml:"institutionLoginId"`
	Attempt       int64    `json:"aggregationAttemptDate,omitempty" xml:"aggregationAttemptDate,omitempty"`
	Success       int64    `json:"aggregationSuccessDate,omitempty" xml:"aggregationSuccessDate,omitempty"`
}

// accountList is the answer to listing and to refreshing; this family gives it no
// envelope.
type accountList struct {
	XMLName  xml.Name      `json:"-" xml:"accounts"`
	Accounts []accountView `json:"accounts" xml:"account"`
}

func (c customer) accounts() accountList {
	list := accountList{Accounts: make([]accountView, 0, accountCount)}
	for i, a := range demoAccounts {
		list.Accounts = append(list.Accounts, accountView{
			ID: c.accountID(i), Number: a.number, Name: a.name, Balance: a.balance, Type: a.kind,
			Status: "active", CustomerID: c.id(), InstitutionID: demoInstitution,
			BalanceDate: max(c.created, c.refreshed), Created: c.created, LoginID: c.loginID(),
			Attempt: c.refreshed, Success: c.refreshed,
		})
	}
	return list
}

func (c customer) accountID(i int) string { return c.id() + strconv.Itoa(i+1) }

func (c customer) loginID() string { return c.id() + loginDigit }

// account finds which demo account of the customer an id names.
func (c customer) account(id string) (int, bool) {
	for i := range accountCount {
		if c.accountID(i) == id {
			return i, true
		}
	}
	return 0, false
}
