package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1024

// confirm asks before what cannot be undone. The answer is the name of the thing, not a letter, so that nobody closes the
// wrong partner by habit. Where nobody can be asked, it refuses unless --yes was given.
func (o *operator) confirm(c *cobra.Command, what, name string) error {
	if o.yes {
		return nil
	}
	if !isTerminal(c.InOrStdin()) {
		return hinted{fmt.Errorf("this cannot be undone and was not confirmed: %s", what), "add --yes to do it without a question"}
	}
	return ask(c, "This cannot be undone: "+what, name)
}

// ask goes on where the name is typed.
func ask(c *cobra.Command, what, name string) error {
	if _, err := fmt.Fprintf(c.ErrOrStderr(), "%s.\nType %s to go on: ", what, name); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), maxAnswer)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != name {
		return hinted{errors.New("not confirmed; nothing was changed"), "the answer has to be exactly " + name}
	}
	return nil
}
