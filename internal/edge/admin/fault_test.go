package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/api"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/whatif"
)

// torn is a record that breaks while it is exported.
type torn struct{ admin.Decisions }

func (torn) Export(_ context.Context, w io.Writer, _ search.Query, _ search.Format) (search.Exported, error) {
	_, err := io.WriteString(w, strings.Repeat("{}\n", 10_000))
	return search.Exported{}, errors.Join(errors.New("the disk is gone"), err)
}

// TestAnExportThatBreaksIsCutOff: nobody takes a part of the record for all of it.
func TestAnExportThatBreaksIsCutOff(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Decisions, c.Loopback = []admin.Decisions{torn{}}, true })
	server := httptest.NewServer(w.server)
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+"/v1/decisions/export?format=jsonl", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer auditor")
	answer, err := server.Client().Do(r)
	if err == nil {
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		t.Errorf("the export ended with %v", err)
	}
	if !strings.Contains(w.log.String(), "the disk is gone") {
		t.Error("the cause is not in the log")
	}
}

// careless is a question that panics.
type careless struct{ admin.Questions }

func (careless) Why(context.Context, string) (whatif.Story, error) { panic("a secret of the tests") }

// TestAPanicIsAProblem: of one request, and its cause is for the log.
func TestAPanicIsAProblem(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Questions = careless{} })
	r := httptest.NewRequest("GET", public+"/v1/decisions/"+strings.Repeat("0", 32), nil)
	r.Host = "admin.example.com"
	r.Header.Set("Authorization", "Bearer viewer")
	a := answer{httptest.NewRecorder(), w, r}
	w.server.ServeHTTP(a, r)
	a.refused(api.Internal)
	if strings.Contains(a.Body.String(), "secret") || !strings.Contains(w.log.String(), "a secret of the tests") {
		t.Errorf("told %s", a.Body)
	}
	w.send("viewer", "GET", "/v1/me", nil).want(http.StatusOK)
	w.send("viewer", "GET", "/v1/credentials/crd_nothing/rehearsal", nil).refused(api.NotFound)
}

// TestSeveralRecordsAreOneListing: page by page, and one table.
func TestSeveralRecordsAreOneListing(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Decisions = append(c.Decisions, c.Decisions[0]) })
	count, after := 0, ""
	for range 10 {
		var page api.DecisionPage
		w.send("viewer", "GET", "/v1/decisions?limit=30"+after, nil).want(http.StatusOK, &page)
		count += len(page.Items)
		if page.Next == "" {
			break
		}
		after = "&after=" + page.Next
	}
	table := w.send("auditor", "GET", "/v1/decisions/export?format=csv", nil).want(http.StatusOK).Body.String()
	if count != 80 || strings.Count(table, "\n") != 81 || strings.Count(table, "request_id") != 1 {
		t.Errorf("%d lines in pages, %d rows in the table", count, strings.Count(table, "\n"))
	}
}

// TestWhatIsNotConfiguredIsSaid: 503 with a reason, never an empty answer that looks like a true one.
func TestWhatIsNotConfiguredIsSaid(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) {
		c.Questions, c.Decisions, c.Checkpoints, c.Webhooks, c.Nodes, c.Environments = nil, nil, nil, nil, nil, nil
	})
	for _, target := range []string{"/v1/decisions", "/v1/decisions/export?format=csv", "/v1/decisions/" + strings.Repeat("0", 32), "/v1/checkpoints?record=changes"} {
		w.send("glass", "GET", target, nil).refused(api.Unavailable)
	}
	id := w.admitted("Acme", "sandbox")
	var made api.EndpointChanged
	w.send("operator", "POST", "/v1/partners/"+id+"/endpoints", api.EndpointAdd{Environment: "sandbox", URL: "https://example.com/"}).want(http.StatusCreated, &made)
	w.send("operator", "POST", "/v1/endpoints/"+made.Endpoint.ID+"/verify", api.Act{}).refused(api.Unavailable)
	w.send("viewer", "GET", "/v1/nodes", nil).want(http.StatusOK)
	if _, err := admin.New(admin.Config{}); err == nil {
		t.Error("a server of nothing was made")
	}
}

// TestAPartnerIsFoundAsPeopleNameIt: exactly, and several of one name are all told.
func TestAPartnerIsFoundAsPeopleNameIt(t *testing.T) {
	w := newWorld(t)
	first, second := w.admitted("Acme", "sandbox"), w.admitted("Acme", "sandbox")
	issued, err := w.IssueApp(ctx, alice, second, "sandbox")
	w.must(err)
	for text, want := range map[string][]string{"Acme": {first, second}, "acme": nil, first: {first}, issued.KeyID: {second}, issued.Login: {second}, issued.Credential.ID: {second}} {
		var page api.PartnerPage
		w.send("viewer", "GET", "/v1/partners?find="+text, nil).want(http.StatusOK, &page)
		if len(page.Items) != len(want) || len(want) == 1 && page.Items[0].ID != want[0] {
			t.Errorf("%s finds %+v, expected %v", text, page.Items, want)
		}
	}
	var page api.PartnerPage
	w.send("viewer", "GET", "/v1/partners?name=CM&environment=sandbox&state=approved&closed=false", nil).want(http.StatusOK, &page)
	if len(page.Items) != 2 || page.Items[0].Stage != "sandbox" {
		t.Errorf("the listing: %+v", page)
	}
	w.send("operator", "PUT", "/v1/partners/"+first+"/limits", `{"environment":"sandbox","rate":1.0,"per_seconds":1,"burst":1}`, "If-Match", "*").refused(api.Invalid)
}
