package main

import (
	"fmt"
	"io"
	"strings"

	"countersign.dev/api"
)

// maxShown is how many addresses or names the text lists of one reason; JSON has all that the report has.
const maxShown = 10

func (s *session) showWhatIf(report api.WhatIfReport) error {
	if s.out.json {
		return s.out.encode(report)
	}
	var b strings.Builder
	printWhatIf(&b, report)
	_, err := io.WriteString(s.out.out, b.String())
	return err
}

// printWhatIf writes a report for people: who would be cut off first, since that hurts first.
func printWhatIf(b *strings.Builder, r api.WhatIfReport) {
	fmt.Fprintf(b, "%s from %s to %s\n", plural(int(r.Read), "request"), when(r.Span.From), when(r.Span.To))
	if r.Truncated {
		fmt.Fprintf(b, "NOT ALL OF THEM: there were more than one answer reads; it ends at %s\n", when(r.Until))
	}
	for _, segment := range r.Unread {
		fmt.Fprintf(b, "COULD NOT BE READ: %s\n", safeText([]byte(segment)))
	}
	if r.Lost > 0 {
		fmt.Fprintf(b, "the record itself says that %d lines are missing\n", r.Lost)
	}
	printDifferences(b, "cut off", "nobody would be cut off", r.CutOff)
	printDifferences(b, "let in", "nobody would be let in", r.LetIn)
	fmt.Fprintf(b, "\ntreated alike  %d\n", r.Same)
	if r.Warned > 0 {
		fmt.Fprintf(b, "let in with a new warning  %d\n", r.Warned)
	}
	for _, n := range r.NotJudged {
		fmt.Fprintf(b, "not judged     %d: %s\n", n.Requests, safeText([]byte(n.Text)))
	}
	if r.Otherwise > 0 {
		fmt.Fprintf(b, "%d of them the rules of now would not treat as they were treated then\n", r.Otherwise)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(b, "note: %s\n", safeText([]byte(note)))
	}
}

func printDifferences(b *strings.Builder, title, none string, list []api.Difference) {
	total := int64(0)
	for _, d := range list {
		total += d.Requests
	}
	if total == 0 {
		fmt.Fprintf(b, "\n%s\n", none)
		return
	}
	fmt.Fprintf(b, "\n%s would be %s\n", strings.ToUpper(plural(int(total), "request")), strings.ToUpper(title))
	for _, d := range list {
		fmt.Fprintf(b, "  %s: %d, for example %s at %s\n", safeText([]byte(d.Reason)), d.Requests, safeText([]byte(d.Last.RequestID)), when(d.Last.At))
		printAddresses(b, "    ", d.Addresses)
		printCounts(b, "    partners     ", d.Partners)
		printCounts(b, "    credentials  ", d.Credentials)
		printCounts(b, "    APIs         ", d.Apis)
	}
}

// printAddresses is a table of the busiest addresses.
func printAddresses(b *strings.Builder, indent string, a api.Addresses) {
	shown, others := a.Top, a.Others
	if len(shown) > maxShown {
		for _, one := range shown[maxShown:] {
			others += one.Requests
		}
		shown = shown[:maxShown]
	}
	rows := [][]string{}
	for _, one := range shown {
		rows = append(rows, []string{indent + safeText([]byte(one.Address)), fmt.Sprint(one.Requests), when(one.First), when(one.Last)})
	}
	if len(rows) > 0 {
		_ = writeTable(b, append([][]string{{indent + "ADDRESS", "REQUESTS", "FIRST", "LAST"}}, rows...)) // a builder takes everything
	}
	if others > 0 {
		fmt.Fprintf(b, "%sand %s from other addresses\n", indent, plural(int(others), "request"))
	}
}

func printCounts(b *strings.Builder, title string, c api.Counts) {
	var texts []string
	others := c.Others
	for i, one := range c.Top {
		if i >= maxShown {
			others += one.Requests
			continue
		}
		texts = append(texts, fmt.Sprintf("%s (%d)", safeText([]byte(one.Name)), one.Requests))
	}
	if others > 0 {
		texts = append(texts, fmt.Sprintf("others (%d)", others))
	}
	if len(texts) > 0 {
		fmt.Fprintf(b, "%s%s\n", title, strings.Join(texts, ", "))
	}
}
