package main

import (
	"fmt"
	"io"
	"strings"

	"countersign.dev/profile"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// shownScheme is what a profile, or one of its alternatives, comes to.
type shownScheme struct {
	Name      string       `json:"name"`
	Kind      string       `json:"kind"`
	Algorithm string       `json:"algorithm"`
	Message   string       `json:"message"`
	Key       string       `json:"key"`
	Signature string       `json:"signature"`
	Wire      []shownWire  `json:"wire"`
	Time      string       `json:"time,omitempty"`
	Window    string       `json:"window,omitempty"`
	Nonce     bool         `json:"nonce"`
	Vars      []shownNamed `json:"vars,omitempty"`
	Checks    []string     `json:"checks,omitempty"`
	Supply    []string     `json:"supply,omitempty"`
	Secrets   []string     `json:"secret_parts,omitempty"`
	Headers   []string     `json:"credential_headers"`
	Signed    []string     `json:"signed_headers"`
	Unsigned  []string     `json:"not_signed"`
	Streams   bool         `json:"streams"`
	Warnings  []string     `json:"warnings"`
}

type shownWire struct {
	In       string `json:"in"`
	Name     string `json:"name"`
	Template string `json:"template"`
}

type shownNamed struct {
	Name string `json:"name"`
	Is   string `json:"is"`
}

func newProfileShow() *cobra.Command {
	var asYAML bool
	var format string
	c := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Show what a profile comes to: expressions, headers, what is signed, warnings",
		Example: `  countersign profile show finci
  countersign profile show stripe-webhook --yaml > ours.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), format)
			if err != nil {
				return err
			}
			if asYAML {
				text, err := profileText(args[0])
				if err == nil {
					_, err = out.out.Write(text)
				}
				return err
			}
			p, alternative, err := loadProfile(args[0])
			if err != nil {
				return err
			}
			which, err := chosenAlternatives(p, alternative)
			if err != nil {
				return err
			}
			list := []shownScheme{}
			for _, one := range which {
				shown, err := showScheme(p, one)
				if err != nil {
					return err
				}
				list = append(list, shown)
			}
			if out.json {
				return out.encode(list)
			}
			return printProfile(out.out, p, list)
		},
	}
	c.Flags().BoolVar(&asYAML, "yaml", false, "print the file as it stands")
	c.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	return c
}

func showScheme(p *profile.Profile, alternative string) (shownScheme, error) {
	s, err := p.Alternative(alternative)
	if err != nil {
		return shownScheme{}, err
	}
	d, err := p.Definition(alternative)
	if err != nil {
		return shownScheme{}, err
	}
	out := shownScheme{Name: s.Name(), Kind: profileKind(&d), Algorithm: d.Algorithm, Message: profile.FormatTop(d.Message), Key: profile.FormatTop(d.Key), Signature: profile.FormatTop(d.Signature),
		Nonce: s.HasNonce(), Supply: s.Vars(), Secrets: s.Secrets(), Headers: s.Headers(), Signed: s.SignedHeaders(), Unsigned: append([]string{}, s.Uncovered()...), Streams: s.Streams(), Warnings: append([]string{}, s.Warnings()...)}
	if out.Key == "" {
		out.Key = "secret"
	}
	if out.Signature == "" {
		out.Signature = "hex(mac)"
	}
	if d.Webhook {
		out.Unsigned = append([]string{"method", "path", "query"}, out.Unsigned...)
	}
	for _, place := range []struct {
		in   string
		list []scheme.WireHeader
	}{{"header", d.Wire}, {"query", d.WireQuery}, {"form", d.WireForm}, {"json", d.WireJSON}} {
		for _, h := range place.list {
			out.Wire = append(out.Wire, shownWire{place.in, h.Name, h.Template})
		}
	}
	if d.Time != nil {
		out.Time, out.Window = d.Time.Format, s.Window().String()
	}
	for _, v := range d.Vars {
		out.Vars = append(out.Vars, shownNamed{v.Name, describeVar(&v)})
	}
	for _, c := range d.Checks {
		out.Checks = append(out.Checks, profile.FormatTop(c.Left)+" == "+profile.FormatTop(c.Right))
	}
	return out, nil
}

func describeVar(v *scheme.Var) string {
	switch {
	case v.Value.Kind != 0:
		return profile.FormatTop(v.Value)
	case v.Match != "":
		return "found in " + v.From + ": " + v.Match
	case v.List != "":
		return "a list of headers, separated by " + v.List
	}
	return "on the wire, or supplied"
}

func printProfile(w io.Writer, p *profile.Profile, list []shownScheme) error {
	if _, err := fmt.Fprintf(w, "%s\nsource: %s\n", p.Title(), p.Source()); err != nil {
		return err
	}
	for i := range list {
		s := &list[i]
		rows := [][]string{{"algorithm", s.Algorithm}, {"message", s.Message}, {"key", s.Key}, {"signature", s.Signature}}
		for _, h := range s.Wire {
			rows = append(rows, []string{h.In, h.Name + ": " + h.Template})
		}
		if s.Time != "" {
			rows = append(rows, []string{"time", s.Time + ", window " + s.Window})
		}
		if len(s.Secrets) > 0 {
			rows = append(rows, []string{"secret parts", strings.Join(s.Secrets, ", ")})
		}
		for _, v := range s.Vars {
			rows = append(rows, []string{"v." + v.Name, v.Is})
		}
		for _, c := range s.Checks {
			rows = append(rows, []string{"check", c})
		}
		rows = append(rows, []string{"signed headers", strings.Join(s.Signed, ", ")}, []string{"not signed", strings.Join(s.Unsigned, ", ")})
		for _, warning := range s.Warnings {
			rows = append(rows, []string{"warning", warning})
		}
		if _, err := fmt.Fprintf(w, "\n%s (%s)\n", s.Name, s.Kind); err != nil {
			return err
		}
		for _, row := range rows {
			if row[1] == "" {
				row[1] = "-"
			}
			if _, err := fmt.Fprintf(w, "  %-15s %s\n", row[0], row[1]); err != nil {
				return err
			}
		}
	}
	return nil
}
