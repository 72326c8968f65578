package whatif

import (
	"strconv"
	"strings"
	"unicode"
)

// plain is a text of a line for people: what a terminal could take for a command, or a reader could not see, is escaped. The line
// itself stands beside it as it is.
func plain(text []byte) string {
	s := string(text)
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		quoted := strconv.QuoteToASCII(s)
		return quoted[1 : len(quoted)-1]
	}
	return s
}

// isName reports whether a text can stand in a command as it is: ids, names and addresses of ours.
func isName(text string) bool {
	return text != "" && text[0] != '-' && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.:", r)
	})
}
