package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// orWord is text, or other where there is none.
func orWord(text, other string) string { return cmp.Or(text, other) }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// countWords is a number with a thin group of three digits; empty for none.
func countWords(n int64) string {
	if n == 0 {
		return ""
	}
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// timeWords is a time as pages write it outside of a time element; empty for none.
func timeWords(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// spanWords is a span in its largest whole unit; empty for none.
func spanWords(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.of && d%unit.of == 0 {
			return plural(int(d/unit.of), unit.name)
		}
	}
	if d == 0 {
		return ""
	}
	return plural(int(d/time.Second), "second")
}

// clipped cuts a text at a character, so that a long name does not push a page apart.
func clipped(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n]) + "…"
}

func kindWords(kind string) string {
	switch kind {
	case "app":
		return "app (app key, partner id and partner secret)"
	case "signing_key":
		return "signing key (API token and API secret)"
	}
	return kind
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// actorWords is an actor of the record without the word for its kind, where it is an operator: people know themselves by login.
func actorWords(actor string) string {
	name, found := strings.CutPrefix(actor, "operator:")
	if found {
		return name
	}
	return strings.Replace(actor, ":", " ", 1)
}

// operations are the operations that can wait, in words, and the permission of whoever may ask for them.
var operations = map[string][2]string{
	"partner.create": {"Add a partner", "partners.write"}, "partner.close": {"Close a partner", "partners.write"},
	"partner.unlock": {"Unlock a partner", "partners.write"},
	"review.resume":  {"Admit a suspended partner again", "partners.suspend"}, "review.close": {"Close a review",
		"reviews.write"},
	"credential.issue": {"Issue a credential", "credentials.write"}, "credential.rotate": {"Rotate a credential",
		"credentials.write"},
	"credential.bind": {"Bind a credential to client keys", "credentials.write"}, "credential.schedule": {"Schedule rotations",
		"credentials.write"},
	"credential.retire": {"Retire a version", "credentials.write"}, "credential.unlock": {"Unlock a credential",
		"credentials.write"},
	"credential.revoke": {"Revoke a credential", "credentials.revoke"}, "tokens.revoke": {"End access tokens",
		"credentials.revoke"},
	"network.allow": {"Allow a network", "networks.write"}, "network.remove": {"Remove a network rule", "networks.write"},
	"limit.set": {"Set a limit", "limits.write"}, "limit.remove": {"Remove a limit", "limits.write"},
	"endpoint.add": {"Register a webhook endpoint", "endpoints.write"}, "endpoint.rotate": {"Rotate a webhook key",
		"endpoints.write"},
	"sealing_key.rotate": {"Rotate sealing keys", "keys.write"}, "sealing_key.drop": {"Drop sealing keys", "keys.write"},
	"register.apply": {"Apply a file", "register.apply"},
	"account.invite": {"Invite an operator", "accounts.write"}, "account.change": {"Change an account", "accounts.write"},
	"account.enable": {"Enable an account", "accounts.write"}, "service.create": {"Make a service account", "accounts.write"},
	"break_glass.make": {"Make a break-glass code", "accounts.write"}, "settings.approvals": {"Set who must approve",
		"settings.write"},
	"member.invite": {"Invite a member", "members.write"}, "member.enable": {"Enable a member", "members.write"},
}

// operationWords is an operation in words; one that this page does not know is its own name.
func operationWords(name string) string { return orWord(operations[name][0], name) }

// stateTone is the colour of a state that stands beside its word.
func stateTone(state string) string {
	switch state {
	case "open", "invited", "locked":
		return "warn"
	case "approved", "live", "active", "applied", "ready":
		return "good"
	case "rejected", "revoked", "disabled":
		return "bad"
	}
	return "plain"
}

// proposalStateWords are the states of a change as people say them.
func proposalStateWords(state string) string {
	switch state {
	case "open":
		return "waits for approval"
	case "approved":
		return "approved, waits to be applied"
	}
	return state
}

// sentence gives a text a capital letter and an end.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}
