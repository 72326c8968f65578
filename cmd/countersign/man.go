package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// exitCodes is said in every man page and once in the reference.
const exitCodes = `0: done. 1: the thing asked about is not so: a signature that does not match, a record that was altered, an address that is
refused. 2: the command could not do its work; standard error says why and what to do next. 4: nothing was changed yet, the change
waits as a proposal until another person approves it.`

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages of this program into a folder",
		Long: `Write one man page for each command into a folder, which is made if it is missing. Pages that are there are replaced. Look at
one with "man -l DIR/countersign-partner.1", or install them into a folder man1 that man(1) knows.`,
		Example: "  countersign man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := writeManual(c.Root(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s in %s\n", plural(n, "man page"), args[0])
			return err
		},
	}
}

// commands are a command and all below it that people are told of, in the order of help.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

// manualOf prepares the tree as if it were about to be run, so that the commands that cobra adds by itself are there, too.
func manualOf(root *cobra.Command) []*cobra.Command {
	root.InitDefaultCompletionCmd()
	for _, c := range commands(root) {
		c.InitDefaultHelpFlag()
	}
	return commands(root)
}

func writeManual(root *cobra.Command, dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	pages := manualOf(root)
	for _, c := range pages {
		path := filepath.Join(dir, pageName(c)+".1")
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return 0, errors.New(path + " is not a regular file")
		}
		if err := os.WriteFile(path, []byte(manPage(c)), 0o644); err != nil {
			return 0, err
		}
	}
	return len(pages), nil
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage is the page of one command, in the macros of man(7).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 1 \"\" \"countersign\" \"Countersign\"\n", strings.ToUpper(pageName(c)))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(c)), roff(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(c.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s", paragraphs(description(c)))
	section(&b, "OPTIONS", c.NonInheritedFlags().FlagUsagesWrapped(80))
	section(&b, "COMMON OPTIONS", c.InheritedFlags().FlagUsagesWrapped(80))
	section(&b, "EXAMPLES", c.Example)
	fmt.Fprintf(&b, ".SH \"EXIT STATUS\"\n%s", paragraphs(exitCodes))
	var also []string
	if c.HasParent() {
		also = append(also, pageName(c.Parent()))
	}
	for _, sub := range commands(c)[1:] {
		if sub.Parent() == c {
			also = append(also, pageName(sub))
		}
	}
	if len(also) > 0 {
		fmt.Fprintf(&b, ".SH \"SEE ALSO\"\n%s(1)\n", roff(strings.Join(also, "(1), ")))
	}
	return b.String()
}

func description(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short + "."
}

// section is a part of a page that is printed as it is; an empty one is left out.
func section(b *strings.Builder, title, text string) {
	if text = strings.Trim(text, "\n"); text != "" {
		fmt.Fprintf(b, ".SH %q\n.nf\n%s\n.fi\n", title, roff(text))
	}
}

// paragraphs are texts between empty lines.
func paragraphs(text string) string {
	return strings.ReplaceAll(roff(strings.TrimSpace(text)), "\n\n", "\n.PP\n") + "\n"
}

// roff escapes what the macros would read as their own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
