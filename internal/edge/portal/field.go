package portal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/edge/page"
)

// maxReason is how many bytes a reason or a note may have (registry.Intent).
const maxReason = 500

// line reads a field of one line and says in the form what is wrong with it.
func line(form *page.Form, name string, required bool, most int) string {
	text := strings.TrimSpace(form.Value(name))
	switch {
	case required && text == "":
		form.Refuse(name, "Fill this in.")
	case len(text) > most:
		form.Refuse(name, fmt.Sprintf("This is too long: at most %d characters of plain text.", most))
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool {
		return unicode.Is(unicode.C, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c)
	}):
		form.Refuse(name, "Write it on one line, without control characters.")
	}
	return text
}

// lines reads a field of several lines.
func lines(form *page.Form, name string, most int) string {
	text := strings.TrimSpace(strings.ReplaceAll(form.Value(name), "\r\n", "\n"))
	switch {
	case text == "":
		form.Refuse(name, "Fill this in.")
	case utf8.RuneCountInString(text) > most:
		form.Refuse(name, fmt.Sprintf("This is too long: at most %d characters.", most))
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool {
		return c != '\n' && c != '\t' && (unicode.Is(unicode.C, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c))
	}):
		form.Refuse(name, "It holds control characters, which cannot be kept. Take them out.")
	}
	return text
}
