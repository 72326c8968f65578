package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"countersign.dev/internal/lint"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// maxVectors bounds a file of examples; its reader has the same bound.
const maxVectors = 16 << 20

func newProfile() *cobra.Command {
	c := &cobra.Command{Use: "profile", Short: "Signing profiles: list, show, check against examples, attack, write a new one",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newProfileList(), newProfileShow(), newProfileTest(), newProfileLint(), newProfileNew())
	return c
}

// listedProfile is one row of `profile list`.
type listedProfile struct {
	Name         string   `json:"name"`
	Title        string   `json:"title"`
	Algorithm    string   `json:"algorithm"`
	Kind         string   `json:"kind"`
	Source       string   `json:"source"`
	Alternatives []string `json:"alternatives"`
}

func newProfileList() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the shipped profiles", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			list := []listedProfile{}
			var rows [][]string
			for _, name := range library.Names() {
				p, err := library.Profile(name)
				if err != nil {
					return err
				}
				d, err := p.Definition("")
				if err != nil {
					return err
				}
				one := listedProfile{name, p.Title(), d.Algorithm, profileKind(&d), p.Source(), append([]string{}, p.Names()...)}
				list = append(list, one)
				rows = append(rows, []string{one.Name, one.Kind, one.Algorithm, one.Title, strings.Join(one.Alternatives, " ")})
			}
			return out.table(list, "no profiles", []string{"NAME", "KIND", "ALGORITHM", "TITLE", "ALTERNATIVES"}, rows)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

func profileKind(d *scheme.Definition) string {
	if d.Webhook {
		return "webhook"
	}
	return "request"
}

// examplesOf reads the examples of a profile: the file that is named, else the one that stands beside the profile or is shipped with
// it. Without one there are none, and from is empty.
func examplesOf(name, file string) (list []profile.Vector, from string, err error) {
	if file != "" {
		text, err := readInput(nil, file, maxVectors)
		if err != nil {
			return nil, "", fmt.Errorf("read the examples: %w", err)
		}
		list, err = lint.Vectors(file, text)
		return list, file, err
	}
	base := name
	if i := strings.Index(name, ".yaml"); i >= 0 {
		from = name[:i] + ".vectors.json"
		text, err := readInput(nil, from, maxVectors)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("read the examples: %w", err)
		}
		list, err = lint.Vectors(from, text)
		return list, from, err
	}
	base, _, _ = strings.Cut(base, "/")
	from = base + ".vectors.json"
	text, err := library.FS.ReadFile(from)
	if err != nil {
		return nil, "", fmt.Errorf("read the examples: %w", err)
	}
	list, err = lint.Vectors(from, text)
	return list, from, err
}

// profileText is the file of a profile as it stands.
func profileText(name string) ([]byte, error) {
	if i := strings.Index(name, ".yaml"); i >= 0 {
		return os.ReadFile(name[:i+len(".yaml")])
	}
	base, _, _ := strings.Cut(name, "/")
	if _, err := library.Profile(base); err != nil {
		return nil, err
	}
	return library.FS.ReadFile(base + ".yaml")
}

// chosenAlternatives are the alternatives that a command is about: the one that is named, or all of them with the profile's own.
func chosenAlternatives(p *profile.Profile, alternative string) ([]string, error) {
	if alternative == "" {
		return append([]string{""}, p.Names()...), nil
	}
	_, err := p.Alternative(alternative)
	return []string{alternative}, err
}
