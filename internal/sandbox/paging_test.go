package sandbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// sheet is a page of transactions as a client reads it.
type sheet struct {
	Found, Displaying int
	MoreAvailable     bool
	Transactions      []struct {
		ID         string
		PostedDate int64
		Status     string
	}
}

// loaded is a door whose first customer has all 1,284 transactions.
func loaded(t *testing.T) door {
	t.Helper()
	d := aggregationDoor(t)
	d.call("POST", "/v1/customers/testing", `{"username":"ann"}`)
	one := "/v1/customers/" + first
	for _, target := range []string{
		one + "/accounts", one + "/accounts/" + first + "1/transactions/historic", one + "/accounts/" + first + "2/transactions/historic",
	} {
		if got := d.call("POST", target, ""); got.Status >= 300 {
			t.Fatal(got)
		}
	}
	return d
}

func read(t *testing.T, d door, query string) sheet {
	t.Helper()
	got := d.call("GET", "/v3/customers/"+first+"/transactions"+query, "")
	var s sheet
	if err := json.Unmarshal([]byte(got.Body), &s); err != nil || got.Status != 200 {
		t.Fatalf("%s: %v %v", query, got, err)
	}
	return s
}

func TestEdgesOfPages(t *testing.T) {
	d := loaded(t)
	for _, tc := range []struct {
		query             string
		found, displaying int
		more              bool
	}{
		{"", 1280, 1000, true},
		{"?includePending=true", 1284, 1000, true},
		{"?limit=1000", 1280, 1000, true},
		{"?limit=1001", 1280, 1000, true},
		{"?limit=253402300799", 1280, 1000, true},
		{"?limit=1", 1280, 1, true},
		{"?start=1280", 1280, 1, false},
		{"?start=1281", 1280, 0, false},
		{"?start=253402300799&limit=253402300799", 1280, 0, false},
		{"?start=281", 1280, 1000, false},
		{"?start=280", 1280, 1000, true},
		{"?start=&limit=&sort=&fromDate=", 1280, 1000, true},
		{"?fromDate=1763553600&toDate=1763553600", 2, 2, false},
		{"?fromDate=1763553601&toDate=1763625600", 0, 0, false},
		{"?fromDate=1763553601&toDate=1763625600&includePending=true", 4, 4, false},
		{"?toDate=1701431999", 0, 0, false},
		{"?toDate=1701432000", 2, 2, false},
	} {
		s := read(t, d, tc.query)
		if s.Found != tc.found || s.Displaying != tc.displaying || len(s.Transactions) != tc.displaying || s.MoreAvailable != tc.more {
			t.Errorf("%q: found %d displaying %d (%d) more %v, want %d %d %v",
				tc.query, s.Found, s.Displaying, len(s.Transactions), s.MoreAvailable, tc.found, tc.displaying, tc.more)
		}
	}
}

func TestPagesTogetherAreTheWholeWithoutDoubles(t *testing.T) {
	d := loaded(t)
	for _, order := range []string{"asc", "desc"} {
		seen := make(map[string]bool)
		var dates []int64
		for start := 1; ; start += 97 {
			s := read(t, d, fmt.Sprintf("?includePending=true&limit=97&sort=%s&start=%d", order, start))
			for _, x := range s.Transactions {
				if seen[x.ID] {
					t.Fatalf("%s: %s comes twice", order, x.ID)
				}
				seen[x.ID] = true
				dates = append(dates, x.PostedDate)
			}
			if !s.MoreAvailable || s.Displaying == 0 {
				break
			}
		}
		if order == "desc" {
			slices.Reverse(dates)
		}
		if len(seen) != 1284 || !slices.IsSorted(dates) {
			t.Errorf("%s: %d transactions, sorted %v", order, len(seen), slices.IsSorted(dates))
		}
	}
}

func TestParametersAreStrict(t *testing.T) {
	d := loaded(t)
	for query, message := range map[string]string{
		"start=0":                    "start is not a whole number in range",
		"start=-1":                   "start is not a whole number in range",
		"start=1.0":                  "start is not a whole number in range",
		"start=%2B1":                 "start is not a whole number in range",
		"limit=0":                    "limit is not a whole number in range",
		"limit=99999999999999999999": "limit is not a whole number in range",
		"fromDate=2025-11-20":        "fromDate is not a whole number in range",
		"toDate=1763625600000":       "toDate is not a whole number in range",
		"fromDate=2&toDate=1":        "fromDate is after toDate",
		"sort=DESC":                  "sort has an unknown value",
		"includePending=1":           "includePending has an unknown value",
		"limit=1&limit=2":            "limit is given twice",
		"sort=asc;limit=1":           "the query is malformed",
		"sort=%zz":                   "the query is malformed",
	} {
		got := d.call("GET", "/v3/customers/"+first+"/transactions?"+query, "")
		if want := refusedJSON(400, "14020", "Bad request. ("+message+")"); got != want {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	for _, target := range []string{
		"/v1/customers?type=closed", "/v1/customers?search=a&search=b", "/v1/customers?search=%ff", "/v1/customers?limit=x", "/v1/institutions?start=0",
	} {
		if got := d.call("GET", target, ""); got.Status != 400 {
			t.Errorf("%s: got %v", target, got)
		}
	}
}
