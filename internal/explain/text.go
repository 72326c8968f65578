package explain

import (
	"fmt"
	"strings"
	"unicode"
)

// shown is how many bytes of a canonical input the text shows.
const shown = 8 << 10

// Text is the report for people, each line ended by a line feed.
func (r *Report) Text() string {
	var b strings.Builder
	r.head(&b)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", printable(n))
	}
	if d := r.Difference; d != nil {
		b.WriteByte('\n')
		d.text(&b)
	}
	for i, f := range r.Findings {
		b.WriteByte('\n')
		f.text(&b, i, len(r.Findings))
	}
	if r.Input != nil && r.Verdict != Valid {
		fmt.Fprintf(&b, "\nA server verifies these %d bytes:\n", len(r.Input))
		r.parts(&b)
	}
	if r.Tried > 1 {
		fmt.Fprintf(&b, "\n%d signatures were tried", r.Tried)
		if !r.Complete {
			b.WriteString("; the search was ended by its bounds and is not complete")
		}
		b.WriteString(".\n")
	}
	return b.String()
}

// printable is a sentence that may quote the request: nothing in it acts on a terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c != ' ' && !unicode.IsGraphic(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}

func (r *Report) head(b *strings.Builder) {
	switch r.Verdict {
	case Valid:
		b.WriteString("The signature is good. If the request was refused, the reason is another one: look it up by the code of the answer.\n")
	case Form:
		b.WriteString("The request does not have the form that the profile asks for; a server says so.\n")
	case Explained:
		b.WriteString("Explained: this reproduces the signature that was sent.\n")
	case Differs:
		b.WriteString("Explained: your canonical input was signed, and a server comes to another one.\n")
	default:
		b.WriteString("No guess matches: nothing that was tried reproduces the signature that was sent.\n")
	}
	fmt.Fprintf(b, "profile: %s\n", printable(r.Profile))
	if r.KeyID != "" {
		fmt.Fprintf(b, "key id: %s\n", Visible([]byte(r.KeyID), true))
	}
	if f := r.Fault; f != nil {
		fmt.Fprintf(b, "a server says: %s: %s\n", printable(f.Kind), printable(strings.TrimSpace(f.Where+" "+f.Detail)))
	}
}

func (f *Finding) text(b *strings.Builder, i, of int) {
	if of > 1 {
		fmt.Fprintf(b, "%d. ", i+1)
	}
	for k, s := range f.Steps {
		if k > 0 {
			b.WriteString("   and ")
		}
		fmt.Fprintf(b, "%s.\n", printable(s.What))
	}
	for _, s := range f.Steps {
		fmt.Fprintf(b, "   cure: %s.\n", printable(s.Cure))
	}
	if f.Input != nil {
		fmt.Fprintf(b, "   signed, %d bytes:\n", len(f.Input))
		lines(b, "   | ", f.Input)
	}
}

// lines writes bytes with a line for each line feed.
func lines(b *strings.Builder, margin string, text []byte) {
	rest := text[:min(len(text), shown)]
	for len(rest) > 0 {
		end := strings.IndexByte(string(rest), '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		fmt.Fprintf(b, "%s%s\n", margin, Visible(rest[:end], false))
		rest = rest[end:]
	}
	if len(text) > shown {
		fmt.Fprintf(b, "%s… %d bytes more\n", margin, len(text)-shown)
	}
	if len(text) == 0 {
		fmt.Fprintf(b, "%s(nothing)\n", margin)
	}
}

func (r *Report) parts(b *strings.Builder) {
	width := 0
	for _, p := range r.Parts {
		width = max(width, len(p.Name))
	}
	left := shown
	for _, p := range r.Parts {
		text := r.Input[p.Start:p.End]
		more := ""
		if len(text) > left {
			more = fmt.Sprintf("… %d bytes more", len(text)-left)
			text = text[:left]
		}
		left -= len(text)
		fmt.Fprintf(b, "  %6d  %-*s | %s%s\n", p.Start, width, printable(p.Name), Visible(text, true), more)
	}
}

func (d *Difference) text(b *strings.Builder) {
	if d.Offset < 0 {
		b.WriteString("Your canonical input is the server's, byte for byte: look at the secret and at how the signature is made and written.\n")
		return
	}
	fmt.Fprintf(b, "Your canonical input and the server's differ from byte %d on, in %s:\n", d.Offset, printable(d.Part))
	fmt.Fprintf(b, "  yours   %s\n  server  %s\n          %s^\n", printable(d.Yours), printable(d.Servers), strings.Repeat(" ", d.Mark))
	if d.Signed {
		b.WriteString("Yours, with this secret, gives the signature that was sent: this difference is the cause.\n")
	} else {
		b.WriteString("Yours, with this secret, does not give the signature that was sent either: the secret, or how the signature is made, is another one too.\n")
	}
}
