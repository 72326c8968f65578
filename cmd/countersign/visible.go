package main

import (
	"bytes"
	"strings"

	"countersign.dev/internal/explain"
)

// visible writes bytes so that nothing in them is invisible: one line for each line feed, which is shown as \n, and spaces at the
// end of a line by their number.
func visible(b []byte) string {
	if len(b) == 0 {
		return "  | (nothing)\n"
	}
	var out strings.Builder
	for line := range bytes.Lines(b) {
		text := bytes.TrimRight(line, " \r\n")
		out.WriteString("  | " + explain.Visible(text, false))
		out.WriteString(strings.ReplaceAll(explain.Visible(line[len(text):], false), " ", `\x20`) + "\n")
	}
	return out.String()
}
