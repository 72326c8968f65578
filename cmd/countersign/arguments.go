package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// plainArgs has every command below c that takes no arguments say so. Cobra calls the first one an unknown command, also where
// there are no commands below.
func plainArgs(c *cobra.Command) {
	for _, below := range c.Commands() {
		plainArgs(below)
	}
	allowed := c.Args
	if c.HasSubCommands() || allowed == nil {
		return
	}
	c.Args = func(c *cobra.Command, args []string) error {
		err := allowed(c, args)
		if err == nil || allowed(c, nil) != nil || allowed(c, args[:1]) == nil {
			return err
		}
		return hinted{fmt.Errorf("%s takes no arguments, but was given %q", c.CommandPath(), args[0]), c.CommandPath() + " --help shows its flags"}
	}
}
