package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/remote"
	"github.com/spf13/cobra"
)

// onPlane does work that asks by the contract of the operators' plane: at a server, or at the very handler of a server in this
// process, over the register on this disk.
func (o *operator) onPlane(c *cobra.Command, work func(s *session, p *remote.Client) error) error {
	return o.read(c, func(s *session) error { return s.onPlane(work) })
}

// changeOnPlane is onPlane for work that changes something.
func (o *operator) changeOnPlane(c *cobra.Command, work func(s *session, p *remote.Client) error) error {
	return o.change(c, func(s *session) error { return s.onPlane(work) })
}

func (s *session) onPlane(work func(s *session, p *remote.Client) error) error {
	p, err := s.plane()
	if err != nil {
		return err
	}
	return work(s, p)
}

// plane is the way to the contract; it is made once for a session.
func (s *session) plane() (*remote.Client, error) {
	if s.remote != nil {
		return s.remote, nil
	}
	if s.own == nil {
		own, err := newLocalPlane(s)
		if err != nil {
			return nil, err
		}
		s.own = own
		before := s.close
		s.close = func() error { return errors.Join(own.close(), before()) }
	}
	return s.own.client, nil
}

// local reports whether the register is that of this disk, where nobody's approval is waited for (design decision 14).
func (s *session) local() bool { return s.disk != nil }

// pageOf reads a listing to its end, or to a number of items.
func pageOf[T any](most int, ask func(after string, limit int) (items []T, next string, err error)) (list []T, more bool, err error) {
	list = []T{}
	after := ""
	for {
		items, next, err := ask(after, min(most-len(list), 500))
		if err != nil {
			return nil, false, err
		}
		list = append(list, items...)
		if next == "" || len(items) == 0 || len(list) >= most {
			return list, next != "", nil
		}
		after = next
	}
}

// limitFlag takes how many rows a listing shows.
func limitFlag(c *cobra.Command, into *int, usual int) {
	c.Flags().IntVar(into, "limit", usual, "at most `N`, 1 to 10000")
}

func checkLimit(n int) error {
	if n < 1 || n > 10_000 {
		return errors.New("--limit is 1 to 10000")
	}
	return nil
}

// sinceFlag takes how far back the record is read.
func sinceFlag(c *cobra.Command, into *string, usual string) {
	c.Flags().StringVar(into, "since", usual, "how far `BACK` the record is read: a time, or a span back from now such as 24h or 7d")
}

func readSince(text string) (time.Time, error) {
	from, err := parsePast(text, clock())
	if err != nil {
		return from, fmt.Errorf("--since %s: %w", text, err)
	}
	return from, nil
}

// facts are lines of a page for people: a name and what is known under it. What is empty is left out.
func facts(b *strings.Builder, rows ...[2]string) {
	width := 0
	for _, row := range rows {
		if row[1] != "" {
			width = max(width, len(row[0]))
		}
	}
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(b, "%-*s  %s\n", width, row[0], safeText([]byte(row[1])))
		}
	}
}

// safeLines makes a text of several lines harmless for a terminal, each line by itself, and indents it.
func safeLines(text, indent string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.TrimRight(indent+safeText([]byte(strings.TrimRight(line, "\r"))), " ") + "\n")
	}
	return b.String()
}
