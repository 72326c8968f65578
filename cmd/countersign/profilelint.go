package main

import (
	"fmt"

	"countersign.dev/internal/lint"
	"github.com/spf13/cobra"
)

func newProfileLint() *cobra.Command {
	var vectors, format string
	c := &cobra.Command{
		Use:   "lint NAME|FILE",
		Short: "Attack a profile: change every part of its examples, look for collisions, report what is not signed",
		Long: `Attack a profile. Every part of its examples is changed, and each change must be refused: method, path, query, each signed header,
body, time, key id, nonce. Then two requests with the same signed bytes are looked for. What the profile does not sign, or signs
weakly, is reported.

The examples stand in NAME.vectors.json beside the profile, or in the file that --vectors names; without any, some are made.

Exit code 0: no errors (there may be warnings); 1: errors; 2: the command could not be carried out, for example because the file is
no valid profile.`,
		Example: `  countersign profile lint ours.yaml
  countersign profile lint finci/lf -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			reports, err := lintProfile(args[0], vectors)
			if err != nil {
				return err
			}
			bad := 0
			for _, r := range reports {
				bad += r.Errors()
				if !out.json {
					if _, err := fmt.Fprint(out.out, r.Text()); err != nil {
						return err
					}
				}
			}
			if out.json {
				if err := out.encode(reports); err != nil {
					return err
				}
			}
			if bad > 0 {
				return errRefused
			}
			return nil
		},
	}
	c.Flags().StringVar(&vectors, "vectors", "", "`FILE` with examples, instead of the one beside the profile")
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

func lintProfile(name, vectors string) ([]*lint.Report, error) {
	p, alternative, err := loadProfile(name)
	if err != nil {
		return nil, err
	}
	list, _, err := examplesOf(name, vectors)
	if err != nil {
		return nil, err
	}
	which, err := chosenAlternatives(p, alternative)
	if err != nil {
		return nil, err
	}
	var out []*lint.Report
	for _, one := range which {
		r, err := lint.Check(p, one, list)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
