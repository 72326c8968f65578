package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/store/sqlite"
)

// TestNobodyElseIsFed: the function that feeds rows to a reading fails where none has begun, and takes nothing from another one's.
func TestNobodyElseIsFed(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	for _, query := range []string{"SELECT countersign_feed(1, 'a')", "SELECT countersign_feed('a')", "SELECT countersign_feed()",
		"SELECT countersign_feed(1) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (SELECT 1 UNION SELECT 2)"} {
		if answer, err := db.AskReader(t.Context(), query); err == nil && answer != "0" {
			t.Errorf("%s: %s", query, answer)
		}
	}
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	if n := partners(t, db); n != 1 {
		t.Errorf("%d partners", n)
	}
}

// TestWhatIsFedIsKept: texts and bytes that a reading returns stay as they are while others read with the same connections, of any
// length, with zeros in them, and where the row after has the same.
func TestWhatIsFedIsKept(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t), Readers: 2})
	names := []string{"same", "same", strings.Repeat("l", 40_000), "with\x00zero", "same", strings.Repeat("m", 5000), ""}
	err := db.Update(context.Background(), func(tx *sqlite.Tx) (err error) {
		for i, name := range names {
			id := fmt.Sprintf("ptn_%d", i)
			err = errors.Join(err, tx.PutPartner(partner.Partner{ID: id, Name: "p" + name, CreatedAt: time.Unix(1, 0)}))
			c := partner.Credential{ID: fmt.Sprintf("crd_%d", i), PartnerID: id, Environment: "sandbox", Kind: partner.SigningKey, KeyID: fmt.Sprintf("%032x", i), CreatedAt: time.Unix(1, 0),
				Versions: []partner.Version{{Number: 1, Sealed: []byte("s" + name)}}}
			err = errors.Join(err, tx.PutCredential(c))
		}
		return errors.Join(err, tx.Record(change))
	})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				err := db.View(context.Background(), func(tx *sqlite.Tx) error {
					list, err := tx.Partners()
					credentials, err2 := tx.Credentials("")
					again, err3 := tx.Credentials("")
					for i, name := range names {
						if list[i].Name != "p"+name || string(credentials[i].Versions[0].Sealed) != "s"+name || string(again[i].Versions[0].Sealed) != "s"+name {
							t.Errorf("row %d came back as %.20q and %.20q", i, list[i].Name, credentials[i].Versions[0].Sealed)
						}
					}
					return errors.Join(err, err2, err3)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	ended, end := context.WithCancel(t.Context())
	end()
	if err := db.View(ended, func(tx *sqlite.Tx) error { _, err := tx.Credentials(""); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}
