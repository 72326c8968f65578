package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// output renders what a command found: text for people, or JSON for programs, of one object or one array a command. Notes
// that are no answer go to standard error, so that the answer can be piped.
type output struct {
	out    io.Writer
	notes  io.Writer
	json   bool
	colour bool
}

// newOutput refuses a format that it does not know. Colour is for terminals only, and NO_COLOR switches it off.
func newOutput(out, notes io.Writer, format string) (*output, error) {
	if format != "text" && format != "json" {
		return nil, hinted{fmt.Errorf("unknown output format %q", format), "text or json"}
	}
	return &output{out: out, notes: notes, json: format == "json", colour: isTerminal(out) && os.Getenv("NO_COLOR") == ""}, nil
}

// isTerminal reports whether f is one, or another device of characters such as /dev/null, which does no harm.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show writes value as JSON, or the text.
func (o *output) show(value any, format string, args ...any) error {
	if o.json {
		return o.encode(value)
	}
	_, err := fmt.Fprintf(o.out, format+"\n", args...)
	return err
}

func (o *output) encode(value any) error {
	encoder := json.NewEncoder(o.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// table writes value as JSON, or a table. Without rows it says empty instead.
func (o *output) table(value any, empty string, head []string, rows [][]string) error {
	if o.json {
		return o.encode(value)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(o.out, empty)
		return err
	}
	return writeTable(o.out, append([][]string{head}, rows...))
}

// writeTable aligns columns. An empty cell is a dash, so that columns can be counted.
func writeTable(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = cell; cell == "" {
				cells[i] = "-"
			}
		}
		if _, err := fmt.Fprintln(w, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// note says something beside the answer. A standard error that is closed keeps no command from its work.
func (o *output) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !o.json {
		_, _ = fmt.Fprintln(o.notes, text)
		return
	}
	line, err := json.Marshal(map[string]string{"note": text})
	if err == nil {
		_, _ = o.notes.Write(append(line, '\n'))
	}
}

// when is the form of a time in tables; empty for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// plural is "1 rule" or "3 rules".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
