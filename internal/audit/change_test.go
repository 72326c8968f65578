package audit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
)

var good = audit.Change{At: time.Unix(1, 0), Actor: "operator:alice", Action: audit.ReviewApproved, Subject: "ptn_a",
	Detail: "sandbox: geprüft, 検査済み"}

func TestChangeRows(t *testing.T) {
	if err := good.Validate(); err != nil {
		t.Errorf("a good row: %v", err)
	}
	for name, spoil := range map[string]func(*audit.Change){
		"no time":             func(c *audit.Change) { c.At = time.Time{} },
		"no actor":            func(c *audit.Change) { c.Actor = "" },
		"long actor":          func(c *audit.Change) { c.Actor = strings.Repeat("a", audit.MaxActor+1) },
		"no action":           func(c *audit.Change) { c.Action = "" },
		"unknown action":      func(c *audit.Change) { c.Action = "review.approve" },
		"no subject":          func(c *audit.Change) { c.Subject = "" },
		"long subject":        func(c *audit.Change) { c.Subject = strings.Repeat("a", audit.MaxSubject+1) },
		"long detail":         func(c *audit.Change) { c.Detail = strings.Repeat("a", audit.MaxDetail+1) },
		"line end":            func(c *audit.Change) { c.Detail = "a\nb" },
		"carriage return":     func(c *audit.Change) { c.Actor = "a\rb" },
		"escape":              func(c *audit.Change) { c.Subject = "a\x1b[2Jb" },
		"delete":              func(c *audit.Change) { c.Detail = "a\x7f" },
		"control of Latin-1":  func(c *audit.Change) { c.Detail = "a\u0085b" },
		"line separator":      func(c *audit.Change) { c.Detail = "a\u2028b" },
		"direction override":  func(c *audit.Change) { c.Actor = "operator:\u202ebob" },
		"direction isolation": func(c *audit.Change) { c.Actor = "operator:\u2066bob" },
		"not UTF-8":           func(c *audit.Change) { c.Detail = "a\xff" },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); !errors.Is(err, audit.ErrChange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestActionsAreOfOneForm(t *testing.T) {
	seen := map[audit.Action]bool{}
	for _, a := range audit.Actions() {
		noun, verb, found := strings.Cut(string(a), ".")
		if !found || noun == "" || verb == "" || seen[a] || !a.Known() {
			t.Errorf("%q is doubled, unknown or not noun.verb", a)
		}
		seen[a] = true
	}
	if audit.Action("x").Known() || len(seen) != 73 {
		t.Errorf("%d actions", len(seen))
	}
}
