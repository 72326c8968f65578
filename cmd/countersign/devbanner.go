package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"time"

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
	Admin                         readyAdmin
	Portal                        readyPortal
}

type bannerWorld struct {
	Name, BaseURL, TokenURL string
	Card                    readyCard
	Token                   readyAggregation
}

// bannerPatience is how long standard output may take to accept the banner.
const bannerPatience = 2 * time.Second

// printBanner prints base URLs, credentials and commands to paste. Serving does not depend on it: an output that is closed,
// full or never read is logged. What is wrong with the template itself is an error.
func (d *devServer) printBanner(ctx context.Context) error {
	text, err := d.banner()
	if err != nil {
		return fmt.Errorf("write the banner: %w", err)
	}
	printed := make(chan error, 1)
	go func() {
		_, err := d.out.Write(text)
		printed <- err
	}()
	late := time.NewTimer(bannerPatience)
	defer late.Stop()
	select {
	case <-ctx.Done():
	case err = <-printed:
	case <-late.C:
		err = fmt.Errorf("standard output took nothing within %s", bannerPatience)
	}
	if err != nil {
		d.log.Warn("the credentials and commands were not printed", "cause", err.Error(), "credentials", d.state.path)
	}
	return nil
}

// banner is the text. A command is a block that begins with a comment and ends at an empty line; the end-to-end tests run
// each of them as printed.
func (d *devServer) banner() ([]byte, error) {
	t, err := template.New("banner").Funcs(template.FuncMap{"sh": shellQuote, "py": strconv.QuoteToASCII}).Parse(bannerText)
	if err != nil {
		return nil, err
	}
	r := d.ready()
	b := banner{Data: d.dir, CA: r.CAFile, OpsURL: r.OpsURL, DecisionLog: r.DecisionLog, CardToken: sandbox.DemoCardTokenID, Admin: r.Admin, Portal: r.Portal,
		Models: d.options.cardUpstream == "" && d.options.aggregationUpstream == ""}
	for _, name := range devEnvironments {
		e := r.Environments[name]
		b.Worlds = append(b.Worlds, bannerWorld{Name: name, BaseURL: e.BaseURL, Token: e.Aggregation, Card: e.Card, TokenURL: e.BaseURL + tokenEndpoint})
	}
	b.Sandbox = b.Worlds[0]
	var text bytes.Buffer
	err = t.Execute(&text, b)
	return text.Bytes(), err
}

// shellQuote makes one word of text for a POSIX shell, whatever is in it.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
