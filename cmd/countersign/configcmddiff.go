package main

import (
	"fmt"
	"strings"

	"countersign.dev/internal/config"
	"github.com/spf13/cobra"
)

func newConfigDiff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show in what two configurations differ, as they count",
		Long: `Show in what two configurations differ, as they count: remarks, order of keys and defaults that are written out make no
difference. Exit code 0: they mean the same; 1: they do not.`,
		Example:           "  countersign config diff /etc/countersign/countersign.yaml new.yaml",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeConfig,
		RunE: func(c *cobra.Command, args []string) error {
			before, err := loadNamed(c, args[:1])
			if err != nil {
				return err
			}
			after, err := loadNamed(c, args[1:])
			if err != nil {
				return err
			}
			differences := config.Differences(before, after)
			for _, d := range differences {
				if _, err := fmt.Fprintln(c.OutOrStdout(), strings.TrimRight(d.String(), " ")); err != nil {
					return err
				}
			}
			if len(differences) > 0 {
				return errRefused
			}
			return nil
		},
	}
}
