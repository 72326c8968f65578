package main

import (
	"strings"
	"testing"
)

// TestACountryAloneIsExplained: an address that a country rule holds and that is refused all the same looks like a fault of the
// program, unless it is said why.
func TestACountryAloneIsExplained(t *testing.T) {
	answer := networkAnswer{Environment: "production", API: "card", Reason: "address_not_listed", Addresses: "required", Address: "198.51.100.7", Country: "DE",
		Rules: []ruleView{{Network: "country DE", Applies: true, Matches: true}}}
	told := func(a networkAnswer) bool {
		var b strings.Builder
		a.print(&b)
		return strings.Contains(b.String(), "a country alone lets nobody in")
	}
	if !told(answer) {
		t.Error("it is not said why the country is not enough")
	}
	answer.Rules[0].Matches = false
	if told(answer) {
		t.Error("it is said where no rule holds the address")
	}
}
