package sqlite_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store/sqlite"
)

// A page is found by its place, not by reading the register up to there, and what concerns somebody by his name.
func TestPagesAreFoundByAnIndex(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	for name, test := range map[string]struct {
		query string
		args  []any
		first string // how the table itself is entered
	}{
		"partners":             plan(sqlite.PartnerPageQuery(partner.PartnerQuery{After: "ptn_a", Limit: 10}))("SEARCH partner USING PRIMARY KEY (id>?)"),
		"names":                plan(sqlite.PartnerPageQuery(partner.PartnerQuery{After: "ptn_a", NameContains: "a", Environment: "x", Limit: 10}))("SEARCH partner USING PRIMARY KEY (id>?)"),
		"credentials":          plan(sqlite.CredentialPageQuery(partner.CredentialQuery{After: "crd_a", State: partner.StateActive, Limit: 10}))("SEARCH credential USING PRIMARY KEY (id>?)"),
		"a partner's":          plan(sqlite.CredentialPageQuery(partner.CredentialQuery{PartnerID: "ptn_a", Limit: 10}))("SEARCH credential USING INDEX credential_partner (partner_id=?)"),
		"changes":              plan(sqlite.ChangePageQuery(audit.ChangeQuery{After: 5, Limit: 10}))("SEARCH change USING INTEGER PRIMARY KEY (rowid>?)"),
		"newest changes":       plan(sqlite.ChangePageQuery(audit.ChangeQuery{Newest: true, From: time.Unix(1, 0), Limit: 10}))("SCAN change"),
		"changes of a thing":   plan(sqlite.ChangePageQuery(audit.ChangeQuery{Subject: "crd_a", Newest: true, After: 9, Limit: 10}))("SEARCH change USING INDEX change_subject (subject=? AND seq<?)"),
		"changes by a person":  plan(sqlite.ChangePageQuery(audit.ChangeQuery{Actor: "operator:a", Newest: true, Limit: 10}))("SEARCH change USING INDEX change_actor (actor=?)"),
		"changes of a partner": plan(sqlite.ChangePageQuery(audit.ChangeQuery{Partner: "ptn_a", Newest: true, Limit: 10}))("SEARCH change USING INTEGER PRIMARY KEY (rowid=?)"),
	} {
		steps, err := db.Plan(test.query, test.args)
		if err != nil {
			t.Fatal(name, err)
		}
		if steps[0] != test.first {
			t.Errorf("%s: %s", name, strings.Join(steps, "; "))
		}
	}
}

type planned = struct {
	query string
	args  []any
	first string
}

func plan(query string, args []any) func(first string) planned {
	return func(first string) planned { return planned{query, args, first} }
}
