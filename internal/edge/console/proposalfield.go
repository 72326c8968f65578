package console

import (
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/edge/page"
)

// editField is one parameter of an operation that people may edit.
type editField struct {
	name, label, hint string
	kind              string // text, whole, lines, moment; empty: text
}

// editFields are the parameters that have fields of their own; what is not among them stays as it is. An operation that is not
// here
// is edited as JSON.
var editFields = map[string][]editField{
	"partner.create": {{name: "name", label: "Name"}},
	"network.allow": {{name: "prefix", label: "Prefix", hint: "203.0.113.0/24, or a country below."}, {name: "country",
		label: "Country", hint: "Two letters, DE."}, {name: "api", label: "API", hint: "Empty: every API of the environment."},
		{name: "note", label: "Note"}},
	"limit.set": {{name: "rate", label: "Requests", kind: "whole"}, {name: "per_seconds", label: "in how many seconds",
		kind: "whole"}, {name: "burst", label: "Burst", kind: "whole"}, {name: "daily", label: "Daily quota", kind: "whole"},
		{name: "api", label: "API", hint: "Empty: all APIs together."}},
	"credential.rotate": {{name: "overlap_until", label: "The older versions end", hint: "In UTC; empty: at once.",
		kind: "moment"}},
	"credential.bind": {{name: "client_keys", label: "SHA-256 of each public key",
		hint: "One in a line; none: bound to none.", kind: "lines"}},
	"credential.schedule": {{name: "every_seconds", label: "Seconds between two secrets", kind: "whole"},
		{name: "overlap_seconds", label: "Seconds that the older versions go on", kind: "whole"},
		{name: "next", label: "The first one", hint: "In UTC.", kind: "moment"}},
	"endpoint.add": {{name: "url", label: "URL"}, {name: "description", label: "Description"}, {name: "events",
		label: "Events", hint: "One in a line; none: all.", kind: "lines"}},
	"endpoint.rotate": {{name: "overlap_until", label: "The older keys end", hint: "In UTC; empty: at once.", kind: "moment"}},
	"account.invite": {{name: "login", label: "Login"}, {name: "name", label: "Name"}, {name: "roles", label: "Roles",
		hint: "One in a line.", kind: "lines"}, {name: "environments", label: "Environments", hint: "One in a line; none: all.",
		kind: "lines"}},
	"service.create": {{name: "name", label: "Name"}, {name: "roles", label: "Roles", kind: "lines"}, {name: "permissions",
		label: "Single permissions", kind: "lines"}, {name: "environments", label: "Environments",
		hint: "One in a line; none: all.", kind: "lines"}, {name: "not_after", label: "Ends", hint: "In UTC.",
		kind: "moment"}},
	"break_glass.make": {{name: "name", label: "Name"}, {name: "not_after", label: "Can be used until",
		hint: "In UTC; empty: no end.", kind: "moment"}},
}

// shown is a parameter as its field begins.
func (f editField) shown(value any) string {
	switch t := value.(type) {
	case nil:
		return ""
	case string:
		if f.kind == "moment" {
			if at, err := time.Parse(time.RFC3339Nano, t); err == nil {
				return at.UTC().Format(localForm)
			}
		}
		return t
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	case []any:
		var list []string
		for _, one := range t {
			text, _ := one.(string)
			list = append(list, text)
		}
		return strings.Join(list, "\n")
	}
	return ""
}

// localForm is how a day and a time are typed; pages say that it is UTC. A field of the browser's own would show the order of
// day and
// month, and the hours, as its country has them, and its own time zone to many.
const localForm = "2006-01-02 15:04"

// momentField is the field of a day and a time.
func momentField(form *page.Form, name, label, hint string, required bool) deedField {
	return deedField{"field", page.Field{Form: form, Name: name, Label: label, Hint: hint, Type: "text", Auto: "off",
		Required: required, Mono: true, Max: 30,
		Place: "2026-11-30 18:00", Pattern: momentPattern}}
}

// momentPattern lets a browser say at once that something is no such time.
const momentPattern = `\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?Z?)?`

// momentOf reads a day and a time, in UTC; empty is the zero time.
func momentOf(form *page.Form, name string) time.Time {
	text := strings.TrimSpace(form.Value(name))
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{localForm, "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.DateOnly,
		time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	form.Refuse(name, "A day and a time in UTC, like 2026-11-30 18:00.")
	return time.Time{}
}

// read puts what was typed into the parameters; what is empty is left out.
func (f editField) read(form *page.Form, into map[string]any) {
	name := fieldPrefix + f.name
	delete(into, f.name)
	switch f.kind {
	case "lines":
		if list := lines(form.Value(name)); list != nil {
			into[f.name] = list
		} else if f.name == "client_keys" {
			into[f.name] = []string{}
		}
	case "whole":
		if n := whole(form, name, 1_000_000_000_000); n != 0 {
			into[f.name] = n
		}
	case "moment":
		if at := momentOf(form, name); !at.IsZero() {
			into[f.name] = at.Format(time.RFC3339Nano)
		}
	default:
		if text := strings.TrimSpace(form.Value(name)); text != "" {
			into[f.name] = text
		}
	}
}
