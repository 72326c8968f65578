package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"countersign.dev/internal/config"
	"github.com/spf13/cobra"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and show configuration files",
		Long:  "Check and show the configuration files of `countersign serve`. Every key stands in docs/reference/config.md.",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newConfigCheck(), newConfigShow(), newConfigSchema(), newConfigDiff())
	return c
}

// formatFlag is the flag for the form of an answer, as the commands on a register have it.
func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVarP(format, "output", "o", "text", "`FORMAT` of the answer: text or json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]cobra.Completion{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// completeConfig offers YAML files.
func completeConfig(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// configNamed is the file that was named, or the one in its usual places.
func configNamed(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	for _, path := range configPlaces {
		if found, err := ours(path); found || err != nil {
			return path, err
		}
	}
	return "", hinted{errors.New("which configuration?"), "name the file; `countersign init` writes one"}
}

func newConfigShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print a configuration as it counts, with every default",
		Long: `Print a configuration as it counts: every setting with its value, defaults filled in, paths whole. What is printed is a
configuration itself. There is no secret in it: files and variables are named.`,
		Example:           "  countersign config show /etc/countersign/countersign.yaml",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeConfig,
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := loadNamed(c, args)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), cfg.Text())
			return err
		},
	}
}

// loadNamed loads a configuration. What is wrong with its content is the answer of the command, not a failure of its work.
func loadNamed(c *cobra.Command, args []string) (*config.Config, error) {
	path, err := configNamed(args)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, os.LookupEnv)
	problems := config.AsProblems(err)
	if problems == nil {
		return cfg, missingConfig(err)
	}
	if _, err := fmt.Fprintln(c.ErrOrStderr(), problems.Error()); err != nil {
		return nil, err
	}
	return nil, errRefused
}

func missingConfig(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return hinted{err, "`countersign init` writes one"}
	}
	return err
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of configuration files",
		Long: `Print the JSON Schema (2020-12) of configuration files, for editors and other tools. An editor uses it by the file's
first line:

  # yaml-language-server: $schema=config.schema.json`,
		Example: "  countersign config schema > config.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(config.Schema())
			return err
		},
	}
}
