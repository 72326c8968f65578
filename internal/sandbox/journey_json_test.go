package sandbox_test

import (
	"net/http"
	"testing"
)

// The ids are fixed: they depend on the caller's names and the order of creation.
const (
	first  = "1497780001"
	second = "1497780002"
)

// accountJSON is one of the first customer's accounts; tail is what follows the
// login id.
func accountJSON(digit, number, name, balance, kind, tail string) string {
	return `{"id":"` + first + digit + `","number":"` + number + `","name":"` + name + `","balance":` + balance +
		`,"type":"` + kind + `","status":"active","customerId":"` + first + `","institutionId":"102101",` +
		`"balanceDate":1763625600,"createdDate":1763625600,"institutionLoginId":"` + first + `5"` + tail + `}`
}

func accountsJSON(tail string) string {
	return `{"accounts":[` + accountJSON("1", "1000001111", "Model Checking", "2543.75", "checking", tail) + `,` +
		accountJSON("2", "1000002222", "Model Savings", "18200.00", "savings", tail) + `]}`
}

const refreshedJSON = `,"aggregationAttemptDate":1763625600,"aggregationSuccessDate":1763625600`

func TestJourneyOfAJSONClient(t *testing.T) {
	const (
		base = "/aggregation"
		one  = base + "/v1/customers/" + first
		gone = `{"code":14001,"message":"Customer not found."}`
	)
	aggregationDoor(t).walk(t, []step{
		{"create for testing", "POST", base + "/v2/customers/testing", `{"username":"ann","firstName":"A & <b>","lastName":"Ex"}`,
			ok(201, jsonType, `{"id":"`+first+`","username":"ann","createdDate":1763625600}`)},
		{"create active", "POST", base + "/v1/customers/active", `{"username":"bob","applicationId":7,"extra":{"a":[1]}}`,
			ok(201, jsonType, `{"id":"`+second+`","username":"bob","createdDate":1763625600}`)},
		{"list", "GET", base + "/v1/customers", "",
			ok(200, jsonType, `{"found":2,"displaying":2,"moreAvailable":false,"customers":[`+
				`{"id":"`+first+`","username":"ann","firstName":"A & <b>","lastName":"Ex","type":"testing","createdDate":1763625600},`+
				`{"id":"`+second+`","username":"bob","type":"active","createdDate":1763625600}]}`)},
		{"update", "PUT", one, `{"firstName":"Ann"}`, noContent()},
		{"get", "GET", one, "",
			ok(200, jsonType, `{"id":"`+first+`","username":"ann","firstName":"Ann","lastName":"Ex","type":"testing","createdDate":1763625600}`)},
		{"institutions", "GET", base + "/v1/institutions?search=cedar+cr", "",
			ok(200, jsonType, `{"found":1,"displaying":1,"moreAvailable":false,"institutions":[{"id":"102102","name":"Model Cedar Credit Union",`+
				`"accountTypeDescription":"Banking","urlHomeApp":"https://bank-102102.example/"}]}`)},
		{"institutions at the root", "GET", "/institution/v2/institutions?start=30", "",
			ok(200, jsonType, `{"found":30,"displaying":1,"moreAvailable":false,"institutions":[{"id":"102130","name":"Model Summit Community Bank",`+
				`"accountTypeDescription":"Banking","urlHomeApp":"https://bank-102130.example/"}]}`)},
		{"accounts", "GET", one + "/accounts", "", ok(200, jsonType, accountsJSON(""))},
		{"no transactions yet", "GET", base + "/v3/customers/" + first + "/transactions?fromDate=0&toDate=1763625600", "",
			ok(200, jsonType, `{"found":0,"displaying":0,"moreAvailable":false,"transactions":[]}`)},
		{"refresh", "POST", one + "/accounts", "", ok(200, jsonType, accountsJSON(refreshedJSON))},
		{"refresh of the login", "POST", one + "/institutionLogins/" + first + "5/accounts", "", ok(200, jsonType, accountsJSON(refreshedJSON))},
		{"transactions", "GET", base + "/v3/customers/" + first + "/transactions?fromDate=1763000000&toDate=1763625600&limit=2", "",
			ok(200, jsonType, `{"found":6,"displaying":2,"moreAvailable":true,"transactions":[`+
				`{"id":"`+first+`20001","amount":-49.48,"accountId":"`+first+`2","status":"active","description":"MODEL FUEL STATION","postedDate":1763553600,"createdDate":1763625600},`+
				`{"id":"`+first+`10001","amount":-82.19,"accountId":"`+first+`1","status":"active","description":"MODEL FUEL STATION","postedDate":1763553600,"createdDate":1763625600}]}`)},
		{"historic load", "POST", one + "/accounts/" + first + "1/transactions/historic", "", noContent()},
		{"the oldest", "GET", base + "/v2/customers/" + first + "/transactions?sort=asc&limit=1", "",
			ok(200, jsonType, `{"found":680,"displaying":1,"moreAvailable":true,"transactions":[`+
				`{"id":"`+first+`11600","amount":1850.00,"accountId":"`+first+`1","status":"active","description":"MODEL EMPLOYER PAYROLL","postedDate":1701432000,"createdDate":1763625600}]}`)},
		{"delete", "DELETE", one, "", noContent()},
		{"get after delete", "GET", one, "", ok(404, jsonType, gone)},
		{"delete again", "DELETE", one, "", ok(404, jsonType, gone)},
		{"refresh after delete", "POST", one + "/accounts", "", ok(404, jsonType, gone)},
		{"the other is still there", "GET", base + "/v1/customers/" + second, "",
			ok(200, jsonType, `{"id":"`+second+`","username":"bob","type":"active","createdDate":1763625600}`)},
	}, "Accept: application/json", "Content-Type: application/json")
}

func TestCustomersAreFilteredBySearchUsernameAndType(t *testing.T) {
	d := aggregationDoor(t)
	for _, body := range []string{
		`{"username":"alpha","firstName":"Zoe"}`, `{"username":"alphabet","lastName":"Quill"}`, `{"username":"beta"}`,
	} {
		if got := d.call("POST", "/v1/customers/testing", body, "Content-Type: application/json"); got.Status != http.StatusCreated {
			t.Fatal(got)
		}
	}
	d.call("POST", "/v1/customers/active", `{"username":"gamma"}`)
	for _, tc := range []struct {
		query string
		found string
	}{
		{"", "4"}, {"?search=", "4"}, {"?search=ALPHA", "2"}, {"?search=quill", "1"}, {"?search=zoe", "1"},
		{"?search=nobody", "0"}, {"?username=alpha", "1"}, {"?username=ALPHA", "0"}, {"?type=testing", "3"},
		{"?type=active", "1"}, {"?type=active&search=alpha", "0"}, {"?unknown=1&unknown=2", "4"},
	} {
		got := d.call("GET", "/v1/customers"+tc.query, "", "Accept: application/json")
		want := `{"found":` + tc.found + `,`
		if got.Status != 200 || len(got.Body) < len(want) || got.Body[:len(want)] != want {
			t.Errorf("%q: got %v, want %s", tc.query, got, want)
		}
	}
}
