package sandbox_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// wire serves a model on loopback and sends raw request text to it.
func wire(t *testing.T, d door) func(raw string) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(d.model)
	t.Cleanup(server.Close)
	return func(raw string) (*http.Response, string) {
		t.Helper()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		line, rest, _ := strings.Cut(raw, "\r\n")
		identity := "Host: x\r\nCountersign-Environment: sandbox\r\nCountersign-Partner: acme\r\n"
		if _, err := io.WriteString(conn, line+"\r\n"+identity+rest); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(line, " ")
		response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(text)
	}
}

func TestFiveShapesOfAnEmptyPost(t *testing.T) {
	d := aggregationDoor(t)
	d.call("POST", "/v1/customers/testing", `{"username":"ann"}`)
	send := wire(t, d)
	for name, rest := range map[string]string{
		"length zero":             "Content-Length: 0\r\n\r\n",
		"no length":               "\r\n",
		"empty object":            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"null":                    "Content-Type: application/json\r\nContent-Length: 4\r\n\r\nnull",
		"length zero with a form": "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
		"empty object, no type":   "Content-Length: 2\r\n\r\n{}",
		"chunked and empty":       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		response, text := send("POST /aggregation/v1/customers/" + first + "/accounts HTTP/1.1\r\nAccept: application/json\r\n" + rest)
		if response.StatusCode != 200 || text != accountsJSON(refreshedJSON) {
			t.Errorf("%s: got %d %s", name, response.StatusCode, text)
		}
	}
}

func TestRule26DeclaredLengthOverTheCapIsRefusedUnread(t *testing.T) {
	send := wire(t, aggregationDoor(t))
	// Not one byte of the body is sent, so an answer proves that none was waited for.
	response, text := send("POST /v1/customers/testing HTTP/1.1\r\nAccept: application/json\r\nContent-Length: 1048577\r\n\r\n")
	if response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, `"code":14020`) {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
}

func TestRule26UndeclaredLengthOverTheCapIsRefused(t *testing.T) {
	for _, tc := range []struct {
		d    door
		line string
	}{
		{aggregationDoor(t), "POST /v1/customers/testing"},
		{cardDoor(t), "POST /api/v1/get-cards"},
	} {
		chunk := strings.Repeat(" ", 1<<20+1)
		raw := tc.line + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(chunk), chunk)
		if response, text := wire(t, tc.d)(raw); response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: got %d %s", tc.line, response.StatusCode, text)
		}
	}
}

func TestABodyCutShortIsRefusedAndStoresNothing(t *testing.T) {
	d := aggregationDoor(t)
	r := httptest.NewRequest("POST", "/v1/customers/testing", io.MultiReader(strings.NewReader(`{"username":"ann"}`), broken{}))
	r.Header.Set("Countersign-Environment", d.environment)
	r.Header.Set("Countersign-Partner", d.partner)
	w := httptest.NewRecorder()
	d.model.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if got := d.call("GET", "/v1/customers", ""); !strings.Contains(got.Body, `found="0"`) {
		t.Errorf("stored: %v", got)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHeadIsGetWithoutABody(t *testing.T) {
	send := wire(t, aggregationDoor(t))
	got, text := send("GET /v1/institutions HTTP/1.1\r\n\r\n")
	head, none := send("HEAD /v1/institutions HTTP/1.1\r\n\r\n")
	if head.StatusCode != 200 || none != "" || head.ContentLength != got.ContentLength || got.ContentLength != int64(len(text)) {
		t.Errorf("HEAD %d %q %d, GET %d", head.StatusCode, none, head.ContentLength, got.ContentLength)
	}
}
