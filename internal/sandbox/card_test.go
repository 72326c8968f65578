package sandbox_test

import (
	"testing"

	"countersign.dev/internal/sandbox"
)

const (
	personCards = `{"token_id":"10031000000000000001","embossing_name":"MODEL PERSON","card_number":"999900******1001","expiration_date":"2028-11","product_id":1},` +
		`{"token_id":"10031000000000000002","embossing_name":"MODEL PERSON","card_number":"999900******1002","expiration_date":"2028-11","product_id":2}`
	corporateCards = `{"token_id":"10031000000000000003","embossing_name":"MODEL EMPLOYEE","card_number":"999900******2001","expiration_date":"2028-11","product_id":3}`
)

func oneCard(status, stage string) string {
	return `{"status":"success","errors":[],"token_id":"10031000000000000001","embossing_name":"MODEL PERSON","card_number":"999900******1001",` +
		`"expiration_date":"2028-11","product_id":1,"token_status":"` + status + `","token_stage":"` + stage + `"}`
}

func cardError(status int, code string) answer {
	return ok(status, jsonType, `{"status":"error","errors":["`+code+`"]}`)
}

func TestJourneyOfACardClient(t *testing.T) {
	const (
		changed = `{"status":"success","errors":[],"token_id":"10031000000000000001"}`
		token   = sandbox.DemoCardTokenID
	)
	cardDoor(t).walk(t, []step{
		{"the person's cards", "POST", "/api/v1/get-cards", `{"person_id":"` + sandbox.DemoPersonID + `"}`,
			ok(200, jsonType, `{"status":"success","errors":[],"items":[`+personCards+`],"total":2}`)},
		{"the corporate's cards", "POST", "/api/v1/get-cards", `{"corporate_id":"` + sandbox.DemoCorporateID + `","person_id":null,"page":1}`,
			ok(200, jsonType, `{"status":"success","errors":[],"items":[`+corporateCards+`],"total":1}`)},
		{"as issued", "GET", "/api/v1/cards/" + token, "", ok(200, jsonType, oneCard("active", "digital"))},
		{"block", "PATCH", "/api/v1/update-card-status/" + token, `{"token_status":"blocked"}`, ok(200, jsonType, changed)},
		{"stage", "PATCH", "/api/v1/update-card-stage/" + token, `{"token_stage":"plastic_not_delivered"}`, ok(200, jsonType, changed)},
		{"as changed", "GET", "/api/v1/cards/" + token, "", ok(200, jsonType, oneCard("blocked", "plastic_not_delivered"))},
	}, "Content-Type: application/json")
}

func TestEverySettableCardWordIsAccepted(t *testing.T) {
	d := cardDoor(t)
	const changed = `{"status":"success","errors":[],"token_id":"10031000000000000001"}`
	for _, word := range []string{"active", "blocked", "closed", "compromized", "damaged", "deactivated", "lost", "referral", "stolen"} {
		d.walk(t, []step{
			{"set " + word, "PATCH", "/api/v1/update-card-status/" + sandbox.DemoCardTokenID, `{"token_status":"` + word + `"}`, ok(200, jsonType, changed)},
			{"read " + word, "GET", "/api/v1/cards/" + sandbox.DemoCardTokenID, "", ok(200, jsonType, oneCard(word, "digital"))},
		})
	}
}

func TestCardRefusals(t *testing.T) {
	const (
		list   = "/api/v1/get-cards"
		status = "/api/v1/update-card-status/" + sandbox.DemoCardTokenID
		stage  = "/api/v1/update-card-stage/" + sandbox.DemoCardTokenID
		none   = "10031000000000000009"
	)
	cardDoor(t).walk(t, []step{
		{"unknown person", "POST", list, `{"person_id":"` + none + `"}`, cardError(404, "person_not_found")},
		{"a person is no corporate", "POST", list, `{"corporate_id":"` + sandbox.DemoPersonID + `"}`, cardError(404, "corporate_not_found")},
		{"nobody named", "POST", list, `{}`, cardError(400, "missing_person_id_or_corporate_id")},
		{"both named", "POST", list, `{"person_id":"1","corporate_id":"2"}`, cardError(400, "ambiguous_owner")},
		{"id as a number", "POST", list, `{"person_id":10011000000000000001}`, cardError(400, "person_id_not_a_string")},
		{"doubled id", "POST", list, `{"person_id":"1","person_id":"2"}`, cardError(400, "doubled_field")},
		{"other case is another field", "POST", list, `{"PERSON_ID":"` + sandbox.DemoPersonID + `"}`, cardError(400, "missing_person_id_or_corporate_id")},
		{"empty body", "POST", list, ``, cardError(400, "invalid_json")},
		{"two values", "POST", list, `{}{}`, cardError(400, "invalid_json")},
		{"a list", "POST", list, `[]`, cardError(400, "invalid_json")},
		{"too large", "POST", list, string(make([]byte, 1<<20+1)), cardError(413, "body_too_large")},
		{"no status", "PATCH", status, `{"token_stage":"digital"}`, cardError(400, "missing_token_status")},
		{"unknown status", "PATCH", status, `{"token_status":"compromised"}`, cardError(400, "invalid_token_status")},
		{"unknown stage", "PATCH", stage, `{"token_stage":"plastic_delivered"}`, cardError(400, "invalid_token_stage")},
		{"stage as a list", "PATCH", stage, `{"token_stage":["digital"]}`, cardError(400, "token_stage_not_a_string")},
		{"unknown card", "PATCH", "/api/v1/update-card-status/" + none, `{"token_status":"lost"}`, cardError(404, "card_not_found")},
		{"unknown card stage", "PATCH", "/api/v1/update-card-stage/" + none, `{"token_stage":"digital"}`, cardError(404, "card_not_found")},
		{"unknown card read", "GET", "/api/v1/cards/" + none, ``, cardError(404, "card_not_found")},
		{"wrong method", "GET", list, ``, cardError(405, "method_not_allowed")},
		{"wrong method on a card", "DELETE", "/api/v1/cards/" + none, ``, cardError(405, "method_not_allowed")},
		{"unknown path", "GET", "/api/v1/cards", ``, cardError(404, "not_found")},
		{"without the base path", "GET", "/cards/" + sandbox.DemoCardTokenID, ``, cardError(404, "not_found")},
		{"escaped path", "GET", "/api/v1/%63ards/" + sandbox.DemoCardTokenID, ``, cardError(404, "not_found")},
		{"unchanged after all that", "GET", "/api/v1/cards/" + sandbox.DemoCardTokenID, ``, ok(200, jsonType, oneCard("active", "digital"))},
	})
}
