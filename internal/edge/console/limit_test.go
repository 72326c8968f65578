package console_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/audit"
)

// TestALimitIsSetAndReplaced: numbers that are none stand beside their field, and nobody's limit is overwritten unseen.
func TestALimitIsSetAndReplaced(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	show, path := "/console/partners/"+id, "/console/partners/"+id+"/limits/new"
	form := w.get("operator", path).want(http.StatusOK).form(path).set("environment", "sandbox", "rate", "1e3", "daily", "-5")
	back := form.submit().want(http.StatusUnprocessableEntity)
	if back.id("rate-error") == nil || back.id("daily-error") == nil || back.form(path).Get("rate") != "1e3" {
		t.Errorf("the faults stand nowhere: %s", back.text())
	}
	other := w.get("other", path).form(path).set("environment", "sandbox", "rate", "7")
	form.set("rate", "50", "daily", "100000")
	for range 2 {
		form.submit().followed().says("The limit is in force", "50 in 1 second")
	}
	if rows := w.rows(audit.LimitSet); len(rows) != 1 {
		t.Errorf("%d rows for one form", len(rows))
	}
	unseen := other.submit().want(http.StatusPreconditionFailed).says("There is a limit of this scope already", "50 in 1 second")
	unseen.form(path).submit().followed().says("7 in 1 second")
	limits, err := w.Limits(ctx, id)
	if err != nil || len(limits) != 1 {
		t.Fatalf("%v, %v", limits, err)
	}
	change := w.get("operator", path+"?limit="+limits[0].ID).form(path)
	if change.Get("rate") != "7" || change.Get("environment") != "sandbox" {
		t.Errorf("the form begins with %v", change.Values)
	}
	change.Set("try", "yes")
	change.set("rate", "1").submit().want(http.StatusOK).says("What it would have changed")
	gone := show + "/limits/" + limits[0].ID + "/remove"
	remove := w.get("operator", gone).want(http.StatusOK).form(gone)
	remove.submit().followed().says("The limit is taken away")
	remove.submit().followed().says("no such limit any more")
	w.get("operator", "/console/partners/"+w.admitted("Umbrella")+"/limits/"+limits[0].ID+"/remove").want(http.StatusNotFound)
}
