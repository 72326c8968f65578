package sandbox_test

import "testing"

func accountXML(digit, number, name, balance, kind, tail string) string {
	return `<account><id>` + first + digit + `</id><number>` + number + `</number><name>` + name + `</name><balance>` + balance +
		`</balance><type>` + kind + `</type><status>active</status><customerId>` + first + `</customerId><institutionId>102101</institutionId>` +
		`<balanceDate>1763625600</balanceDate><createdDate>1763625600</createdDate><institutionLoginId>` + first + `5</institutionLoginId>` + tail + `</account>`
}

func accountsXML(tail string) string {
	return xmlHead + `<accounts>` + accountXML("1", "1000001111", "Model Checking", "2543.75", "checking", tail) +
		accountXML("2", "1000002222", "Model Savings", "18200.00", "savings", tail) + `</accounts>`
}

const refreshedXML = `<aggregationAttemptDate>1763625600</aggregationAttemptDate><aggregationSuccessDate>1763625600</aggregationSuccessDate>`

func TestJourneyOfAnXMLClient(t *testing.T) {
	const (
		one  = "/v1/customers/" + first
		gone = xmlHead + `<error><code>14001</code><message>Customer not found.</message></error>`
	)
	aggregationDoor(t).walk(t, []step{
		{"nobody yet", "GET", "/v1/customers", "",
			ok(200, xmlType, xmlHead+`<customers found="0" displaying="0" moreAvailable="false"></customers>`)},
		{"create", "POST", "/v1/customers/testing",
			xmlHead + `<customer xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><username>ann</username><firstName>A &amp; &lt;b&gt;</firstName><lastName>Ex</lastName></customer>`,
			ok(201, xmlType, xmlHead+`<customer><id>`+first+`</id><username>ann</username><createdDate>1763625600</createdDate></customer>`)},
		{"list", "GET", "/v1/customers?username=ann", "",
			ok(200, xmlType, xmlHead+`<customers found="1" displaying="1" moreAvailable="false"><customer><id>`+first+
				`</id><username>ann</username><firstName>A &amp; &lt;b&gt;</firstName><lastName>Ex</lastName><type>testing</type><createdDate>1763625600</createdDate></customer></customers>`)},
		{"update", "PUT", one, `<customer><lastName>Why</lastName></customer>`, noContent()},
		{"get", "GET", one, "",
			ok(200, xmlType, xmlHead+`<customer><id>`+first+`</id><username>ann</username><firstName>A &amp; &lt;b&gt;</firstName><lastName>Why</lastName><type>testing</type><createdDate>1763625600</createdDate></customer>`)},
		{"institutions", "GET", "/v1/institutions?limit=1", "",
			ok(200, xmlType, xmlHead+`<institutions found="30" displaying="1" moreAvailable="true"><institution><id>102101</id><name>Model Cedar Bank</name>`+
				`<accountTypeDescription>Banking</accountTypeDescription><urlHomeApp>https://bank-102101.example/</urlHomeApp></institution></institutions>`)},
		{"accounts", "GET", one + "/accounts", "", ok(200, xmlType, accountsXML(""))},
		{"refresh", "POST", one + "/accounts", "", ok(200, xmlType, accountsXML(refreshedXML))},
		{"transactions, pending too", "GET", "/v2/customers/" + first + "/transactions?includePending=true&limit=1", "",
			ok(200, xmlType, xmlHead+`<transactions found="84" displaying="1" moreAvailable="true"><transaction><id>`+first+`20042</id><amount>-56.27</amount><accountId>`+first+
				`2</accountId><status>pending</status><description>MODEL GROCERY</description><postedDate>1763596800</postedDate><createdDate>1763625600</createdDate></transaction></transactions>`)},
		{"version 3 has no XML", "GET", "/v3/customers/1/transactions", "", ok(404, jsonType, `{"code":14001,"message":"Customer not found."}`)},
		{"delete", "DELETE", one, "", noContent()},
		{"get after delete", "GET", one, "", ok(404, xmlType, gone)},
	}, "Accept: application/xml", "Content-Type: application/xml")
}

func TestNegotiationReachesAnswersAndRefusals(t *testing.T) {
	d := aggregationDoor(t)
	for _, tc := range []struct {
		name, accept, content, want string
	}{
		{"nothing said", "", "", xmlType},
		{"the content type of a JSON client", "*/*", "application/json", jsonType},
		{"Accept beats Content-Type", "application/xml", "application/json", xmlType},
		{"Java's default", "text/html, image/gif, image/jpeg, */*; q=0.2", "", xmlType},
	} {
		headers := []string{"Accept: " + tc.accept, "Content-Type: " + tc.content}
		for _, target := range []string{"/v1/customers", "/v1/customers/9", "/v1/nothing"} {
			if got := d.call("GET", target, "", headers...); got.Type != tc.want {
				t.Errorf("%s, %s: got %s, want %s", tc.name, target, got.Type, tc.want)
			}
		}
	}
}
