package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"

	"countersign.dev/internal/sandbox"
)

//go:embed devbanner.txt
var bannerText string

// banner is what the template of the start's message sees.
type banner struct {
	Data, CA, OpsURL, DecisionLog string
	Worlds                        []bannerWorld
	Sandbox                       bannerWorld
	CardToken                     string
	Models                        bool
}

type bannerWorld struct {
	Name, BaseURL, TokenURL string
	Card                    readyCard
	Token                   readyAggregation
}

// printBanner prints base URLs, credentials and commands to paste. A command is a block that begins with a comment and ends
// at an empty line; the end-to-end tests run each of them as printed.
func (d *devServer) printBanner() error {
	t, err := template.New("banner").Funcs(template.FuncMap{"sh": shellQuote, "py": strconv.QuoteToASCII}).Parse(bannerText)
	if err != nil {
		return err
	}
	r := d.ready()
	b := banner{Data: d.dir, CA: r.CAFile, OpsURL: r.OpsURL, DecisionLog: r.DecisionLog, CardToken: sandbox.DemoCardTokenID,
		Models: d.options.cardUpstream == "" && d.options.aggregationUpstream == ""}
	for _, name := range devEnvironments {
		e := r.Environments[name]
		b.Worlds = append(b.Worlds, bannerWorld{Name: name, BaseURL: e.BaseURL, Token: e.Aggregation, Card: e.Card, TokenURL: e.BaseURL + tokenEndpoint})
	}
	b.Sandbox = b.Worlds[0]
	if err := t.Execute(d.out, b); err != nil {
		return fmt.Errorf("print the credentials: %w", err)
	}
	return nil
}

// shellQuote makes one word of text for a POSIX shell, whatever is in it.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
