package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"countersign.dev/internal/explain"
	"countersign.dev/profile"
	"github.com/spf13/cobra"
)

// testedExample is the outcome of one example.
type testedExample struct {
	ID      string `json:"id"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
	// Difference is the first byte in which the canonical input and the published one differ.
	Difference *explain.Difference `json:"difference,omitempty"`
}

func newProfileTest() *cobra.Command {
	var vectors, format string
	c := &cobra.Command{
		Use:   "test NAME|FILE",
		Short: "Hold a profile against worked examples",
		Long: `Hold a profile against worked examples, both ways: signing must give the published value, and a verifier must accept it, and must
refuse it with another signature or another secret.

The examples stand in NAME.vectors.json beside the profile, or in the file that --vectors names. Each is an object with method, url,
headers, body, secret_hex, vars (key_id, ts, nonce, and what the profile asks for), canonical_string, expected_signature.

Exit code 0: all of them hold; 1: some do not, and the first byte of the signed text that differs is shown; 2: the command could not
be carried out.`,
		Example: `  countersign profile test ours.yaml --vectors vendor.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			tested, err := testProfile(args[0], vectors)
			if err != nil {
				return err
			}
			bad := false
			for _, one := range tested {
				bad = bad || !one.OK
				if !out.json {
					if err := one.print(out.out); err != nil {
						return err
					}
				}
			}
			if out.json {
				if err := out.encode(tested); err != nil {
					return err
				}
			}
			if bad {
				return errRefused
			}
			return nil
		},
	}
	c.Flags().StringVar(&vectors, "vectors", "", "`FILE` with examples, instead of the one beside the profile")
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

func testProfile(name, vectors string) ([]testedExample, error) {
	p, alternative, err := loadProfile(name)
	if err != nil {
		return nil, err
	}
	list, from, err := examplesOf(name, vectors)
	if err != nil {
		return nil, err
	}
	if from == "" {
		return nil, hinted{errors.New("there are no examples beside the profile"), "name a file with --vectors FILE"}
	}
	out := []testedExample{}
	for i := range list {
		if alternative != "" && list[i].Alternative != alternative {
			continue
		}
		r := profile.Run(p, &list[i])
		one := testedExample{ID: r.ID, OK: r.OK, Problem: r.Problem}
		if one.ID == "" {
			one.ID = fmt.Sprintf("example %d", i+1)
		}
		if r.Diff >= 0 {
			one.Difference = explain.Compare(r.Canonical, r.Want, nil)
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no example of %s", from, name)
	}
	return out, nil
}

// print writes one line, and where it did not hold, what differs.
func (t *testedExample) print(w io.Writer) error {
	if t.OK {
		_, err := fmt.Fprintf(w, "ok    %s\n", explain.Visible([]byte(t.ID), true))
		return err
	}
	if _, err := fmt.Fprintf(w, "FAIL  %s: %s\n", explain.Visible([]byte(t.ID), true), t.Problem); err != nil || t.Difference == nil {
		return err
	}
	d := t.Difference
	_, err := fmt.Fprintf(w, "        the profile  %s\n        published    %s\n                     %s^ byte %d\n", d.Yours, d.Servers, strings.Repeat(" ", d.Mark), d.Offset)
	return err
}
