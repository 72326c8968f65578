// Package storetest owns the one suite that every engine of the register passes, so that they behave alike down to the
// order of lists and the moment of failure. It refuses an engine that loses, tears or reorders changes, or that lets a
// change in without its change row; the attack it answers is the difference between two engines.
package storetest

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// Run runs the suite. open returns a new, empty store for every call and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) registry.Store) {
	for name, test := range map[string]func(*testing.T, registry.Store){
		"every field comes back":                  everyField,
		"nothing is found in an empty store":      emptyStore,
		"lists are ordered and filtered":          lists,
		"credentials come in pieces":              pieces,
		"replacing keeps what is final":           replacing,
		"removing takes one row":                  removing,
		"an error takes everything back":          rollback,
		"a failed statement spoils the rest":      spoiled,
		"a change needs its row":                  unrecorded,
		"rows are numbered without gaps":          numbering,
		"rows are one chain":                      chained,
		"every row that is written is touched":    touching,
		"a row is touched as it is in the end":    touchedOnce,
		"failures touch nothing":                  untouched,
		"a sealed value is replaced in its place": resealing,
		"a record is the register's own":          ownRecord,
		"a view is one moment":                    oneMoment,
		"a view cannot write":                     viewWrites,
		"impossible rows are refused":             impossible,
		"impossible limits are refused":           impossibleLimits,
		"parallel changes are not lost":           parallel,
		"documents come back":                     documents,
		"transients end":                          transients,
		"blobs are what their digest says":        blobs,
		"impossible documents are refused":        impossibleDocuments,
		"pages of partners":                       partnerPages,
		"pages of credentials":                    credentialPages,
		"pages of changes":                        changePages,
		"an ended context changes nothing":        ended,
		"nodes come and go":                       nodes,
		"impossible nodes are refused":            impossibleNodes,
		"a term of a lease has one holder":        leases,
		"of many one gets a lease":                oneHolder,
		"no change is written aside":              apart,
		"the clock is the database's":             clock,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var moment = time.Date(2026, 11, 20, 10, 0, 0, 123456000, time.UTC)

// row is a valid change row; tests that are not about rows record it.
var row = audit.Change{At: moment, Actor: "operator:alice", Action: audit.PartnerCreated, Subject: "ptn_a", Detail: "why"}

func newPartner(id string) partner.Partner {
	return partner.Partner{ID: id, Name: "Name of " + id, CreatedAt: moment.Truncate(time.Second)}
}

func newReview(partnerID, environment string) partner.Review {
	return partner.Review{PartnerID: partnerID, Environment: environment, State: partner.ReviewApproved,
		RequestedBy: "operator:alice", ApprovedBy: "operator:bob", ChangedAt: moment, Reason: "looked at"}
}

// newApp fills every field, so that a column that is forgotten shows.
func newApp(id, partnerID, keyID, login string) partner.Credential {
	return partner.Credential{ID: id, PartnerID: partnerID, Environment: "sandbox", Kind: partner.App, KeyID: keyID, Login: login,
		Generation: 1<<32 - 1, Failures: 3, LockedAt: moment.Add(time.Microsecond), RevokedAt: moment.Add(time.Hour), CreatedAt: moment,
		ClientKeys: []string{strings.Repeat("0a", 32), strings.Repeat("f9", 32)},
		Versions: []partner.Version{
			{Number: 2, Hash: "$hash2", NotBefore: moment, ByPartner: true},
			{Number: 1, Hash: "$hash1", NotAfter: moment.Add(time.Minute)},
		}}
}

func newSigningKey(id, partnerID, keyID string) partner.Credential {
	return partner.Credential{ID: id, PartnerID: partnerID, Environment: "production", Kind: partner.SigningKey, KeyID: keyID,
		CreatedAt: moment, Versions: []partner.Version{{Number: 1, Sealed: []byte{0, 1, 255}}}}
}

func newNetwork(id, partnerID, prefix, country string) partner.NetworkRule {
	n := partner.NetworkRule{ID: id, PartnerID: partnerID, Environment: "sandbox", API: "card", Country: country, Note: "office",
		CreatedAt: moment}
	if prefix != "" {
		n.Prefix = netip.MustParsePrefix(prefix)
	}
	return n
}

func newLimit(id, partnerID, credentialID, api string) partner.Limit {
	return partner.Limit{ID: id, PartnerID: partnerID, Environment: "production", CredentialID: credentialID, API: api, Rate: 50,
		Per: time.Minute, Burst: 100, Daily: partner.MaxLimitDaily, CreatedAt: moment}
}

func keyID(last byte) string { return "0123456789abcdef0123456789abcde" + string([]byte{last}) }

// put writes inside one recorded transaction.
func put(t *testing.T, s registry.Store, write func(tx registry.Tx) error) {
	t.Helper()
	err := s.Update(context.Background(), func(tx registry.Tx) error {
		return errors.Join(write(tx), tx.Record(row))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// want reads inside one view and compares.
func want[T any](t *testing.T, s registry.Store, expected T, read func(tx registry.Tx) (T, error)) {
	t.Helper()
	err := s.View(context.Background(), func(tx registry.Tx) error {
		got, err := read(tx)
		if diff := cmp.Diff(expected, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("expected (-) and got (+):\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// found makes a list of what a lookup returns: one or none.
func found[T any](v T, ok bool, err error) ([]T, error) {
	if !ok {
		return nil, err
	}
	return []T{v}, err
}
