package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const unauthorizedXML = xmlHead + `<error><code>10021</code><message>You are not authorized.</message></error>`

func refusedJSON(status int, code, message string) answer {
	return ok(status, jsonType, `{"code":`+code+`,"message":"`+message+`"}`)
}

func TestAggregationRefusals(t *testing.T) {
	const (
		create    = "/v1/customers/testing"
		malformed = "Bad request. (the body is not one well-formed document with one object as its root)"
		doubled   = "Bad request. (the body names the same field twice)"
		control   = "Bad request. (username is too long or holds a control character)"
		noPath    = "Resource not found."
	)
	bad := func(message string) answer { return refusedJSON(400, "14020", message) }
	noUsername := refusedJSON(400, "10005", "Missing parameter (username)")
	aggregationDoor(t).walk(t, []step{
		{"no body", "POST", create, ``, bad("Bad request. (a body is needed)")},
		{"null", "POST", create, `null`, bad(malformed)},
		{"no username", "POST", create, `{}`, noUsername},
		{"blank username", "POST", create, `{"username":" "}`, noUsername},
		{"null username", "POST", create, `{"username":null}`, noUsername},
		{"other case is another field", "POST", create, `{"USERNAME":"x"}`, noUsername},
		{"number as username", "POST", create, `{"username":7}`, bad("Bad request. (username must be a text)")},
		{"control character", "POST", create, `{"username":"a\u0000"}`, bad(control)},
		{"unpaired surrogate", "POST", create, `{"username":"a\ud800"}`, bad(control)},
		{"too long", "POST", create, `{"username":"` + strings.Repeat("x", 256) + `"}`, bad(control)},
		{"doubled key", "POST", create, `{"username":"a","username":"b"}`, bad(doubled)},
		{"doubled key spelt apart", "POST", create, `{"username":"a","user\u006eame":"b"}`, bad(doubled)},
		{"two values", "POST", create, `{"username":"a"} {}`, bad(malformed)},
		{"a list", "POST", create, `["username"]`, bad(malformed)},
		{"trailing comma", "POST", create, `{"username":"a",}`, bad(malformed)},
		{"invalid UTF-8", "POST", create, "{\"username\":\"\xff\"}", bad(malformed)},
		{"too deep", "POST", create, `{"x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, bad("Bad request. (the body is nested deeper than 8 levels)")},
		{"too large", "POST", create, strings.Repeat(" ", 1<<20+1), refusedJSON(413, "14020", "Bad request. (the body is larger than 1048576 bytes)")},
		{"update of nothing", "PUT", "/v1/customers/1", `{}`, refusedJSON(400, "10005", "Missing parameter (firstName)")},
		{"update to a blank username", "PUT", "/v1/customers/1", `{"username":""}`, noUsername},
		{"update of nobody", "PUT", "/v1/customers/1", `{"firstName":"x"}`, refusedJSON(404, "14001", "Customer not found.")},
		{"a form is no empty body", "POST", "/v1/customers/1/accounts", `a=b`, bad(malformed)},
		{"accounts of nobody", "GET", "/v1/customers/1/accounts", ``, refusedJSON(404, "14001", "Customer not found.")},
		{"historic of nobody", "POST", "/v1/customers/1/accounts/11/transactions/historic", ``, refusedJSON(404, "14001", "Customer not found.")},
		{"unknown path", "GET", "/v9/customers", ``, refusedJSON(404, "14001", noPath)},
		{"id that is no number", "GET", "/v1/customers/abc", ``, refusedJSON(404, "14001", noPath)},
		{"escaped id", "GET", "/v1/customers/%31", ``, refusedJSON(404, "14001", noPath)},
		{"dots", "GET", "/v1/x/../customers", ``, refusedJSON(404, "14001", noPath)},
		{"double slash", "GET", "//v1/customers", ``, refusedJSON(404, "14001", noPath)},
		{"absolute form", "GET", "http://evil/v1/customers", ``, refusedJSON(404, "14001", noPath)},
		{"base path twice", "GET", "/aggregation/aggregation/v1/customers", ``, refusedJSON(404, "14001", noPath)},
		{"base path of half a segment", "GET", "/aggregationx/v1/customers", ``, refusedJSON(404, "14001", noPath)},
		{"wrong method", "PATCH", "/v1/customers/1", ``, refusedJSON(405, "14020", "Method not allowed.")},
		{"get on create", "GET", create, ``, refusedJSON(405, "14020", "Method not allowed.")},
		{"nothing was stored", "GET", "/v1/customers", ``, ok(200, jsonType, `{"found":0,"displaying":0,"moreAvailable":false,"customers":[]}`)},
	}, "Accept: application/json", "Content-Type: application/json")
}

func TestAForeignLoginOrAccountIsNotFound(t *testing.T) {
	d := aggregationDoor(t)
	d.call("POST", "/v1/customers/testing", `{"username":"ann"}`)
	d.call("POST", "/v1/customers/testing", `{"username":"bob"}`)
	missing := refusedJSON(404, "14001", "Resource not found.")
	d.walk(t, []step{
		{"another's login", "POST", "/v1/customers/" + first + "/institutionLogins/" + second + "5/accounts", ``, missing},
		{"another's account", "POST", "/v1/customers/" + first + "/accounts/" + second + "1/transactions/historic", ``, missing},
		{"an account that is a login", "POST", "/v1/customers/" + first + "/accounts/" + first + "5/transactions/historic", ``, missing},
	}, "Accept: application/json")
}

func TestMethodNotAllowedNamesTheMethods(t *testing.T) {
	r := httptest.NewRequest("PATCH", "/v1/customers/1", nil)
	r.Header.Set("Countersign-Environment", "sandbox")
	r.Header.Set("Countersign-Partner", "acme")
	w := httptest.NewRecorder()
	aggregationDoor(t).model.ServeHTTP(w, r)
	if got, want := w.Header().Get("Allow"), "DELETE, GET, HEAD, PUT"; got != want || w.Code != http.StatusMethodNotAllowed {
		t.Fatalf("got %d %q, want 405 %q", w.Code, got, want)
	}
}

func TestRule27XMLIsRefusedWhereItIsAmbiguous(t *testing.T) {
	d := aggregationDoor(t)
	for name, body := range map[string]string{
		"DTD":                 `<!DOCTYPE customer [<!ENTITY x "y">]><customer><username>&x;</username></customer>`,
		"directive inside":    `<customer><!ELEMENT a ANY><username>a</username></customer>`,
		"entity":              `<customer><username>&x;</username></customer>`,
		"doubled element":     `<customer><username>a</username><username>b</username></customer>`,
		"doubled unknown one": `<customer><username>a</username><x><y/><y/></x></customer>`,
		"two roots":           `<customer><username>a</username></customer><customer/>`,
		"junk after the root": `<customer><username>a</username></customer>x`,
		"other root":          `<credentials><username>a</username></credentials>`,
		"prefix":              `<customer><x:username>a</x:username></customer>`,
		"name space":          `<customer xmlns="urn:x"><username>a</username></customer>`,
		"comment in a text":   `<customer><username>a<!-- -->b</username></customer>`,
		"mixed content":       `<customer>x<username>a</username></customer>`,
		"nested field":        `<customer><username><a/></username></customer>`,
		"late declaration":    ` <?xml version="1.0"?><customer><username>a</username></customer>`,
		"instruction":         `<?evil x?><customer><username>a</username></customer>`,
		"other encoding":      `<?xml version="1.0" encoding="UTF-16"?><customer><username>a</username></customer>`,
		"not closed":          `<customer><username>a</username>`,
		"too deep":            `<customer>` + strings.Repeat("<a>", 8) + strings.Repeat("</a>", 8) + `</customer>`,
		"doubled attribute":   `<customer a="1" a="2"><username>a</username></customer>`,
		"JSON":                `{"username":"a"}`,
	} {
		got := d.call("POST", "/v1/customers/testing", body, "Content-Type: application/xml")
		if got.Status != 400 || got.Type != xmlType || !strings.Contains(got.Body, "<code>14020</code>") {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := d.call("GET", "/v1/customers", ""); !strings.Contains(got.Body, `found="0"`) {
		t.Errorf("something was stored: %v", got)
	}
}
