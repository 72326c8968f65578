package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/lint"
	"countersign.dev/profile"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// newProfileOptions are the answers of `profile new`: from flags, and on a terminal asked for.
type newProfileOptions struct {
	name, title, source, algorithm, parts, separator, body, secret, signature string
	keyHeader, timeHeader, timeFormat, window, nonceHeader, signatureHeader   string
	prefix, dir                                                               string
	webhook                                                                   bool
}

// profileQuestion is one of them.
type profileQuestion struct {
	flag, ask string
	into      *string
	fallback  string
	choices   []string // nil: anything
}

func (o *newProfileOptions) questions() []profileQuestion {
	return []profileQuestion{
		{"title", "a line for people", &o.title, "Our partner API", nil},
		{"source", "where its description stands", &o.source, "our own design", nil},
		{"algorithm", "algorithm", &o.algorithm, "hmac-sha256", []string{"hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"}},
		{"parts", "what is signed, in this order (ts, nonce, key_id, method, target, path, query, host, body, h.NAME)", &o.parts, "", nil},
		{"separator", `what stands between the parts (\n for a line feed, or nothing)`, &o.separator, `\n`, nil},
		{"body", "how the body is signed", &o.body, "sha256", []string{"raw", "sha256", "sha512"}},
		{"secret", "how the issued secret becomes the key", &o.secret, "raw", []string{"raw", "base64", "hex"}},
		{"signature", "how the signature is written", &o.signature, "hex", []string{"hex", "base64", "base64url"}},
		{"key-header", "header with the key id (- for none)", &o.keyHeader, "X-Api-Key", nil},
		{"time-header", "header with the time (- for none)", &o.timeHeader, "X-Timestamp", nil},
		{"time-format", "how the time is written", &o.timeFormat, "unix", []string{"unix", "unix_ms", "rfc3339", "http_date"}},
		{"window", "how far the time may be from the server's", &o.window, "300s", nil},
		{"nonce-header", "header with a nonce (- for none)", &o.nonceHeader, "X-Nonce", nil},
		{"signature-header", "header with the signature", &o.signatureHeader, "X-Signature", nil},
		{"signature-prefix", "text in front of the signature, such as v1= (- for none)", &o.prefix, "v1=", nil},
	}
}

func newProfileNew() *cobra.Command {
	o := &newProfileOptions{}
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a new profile, with examples beside it",
		Long: `Write a new profile, NAME.yaml, and examples that it signs itself, NAME.vectors.json. On a terminal it asks for what no flag says;
elsewhere it takes what it proposes. The file is one that profile lint and profile test accept; nothing is written otherwise.

The examples show what the profile does. Whether that is what the other side does, only its own examples can show: put them into the
file instead.`,
		Example: `  countersign profile new acme
  countersign profile new acme --parts ts,method,target,body --separator '' --body raw --nonce-header -`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			if err := o.ask(c); err != nil {
				return err
			}
			return o.write(c)
		},
	}
	f := c.Flags()
	for _, q := range o.questions() {
		text := q.ask
		if q.choices != nil {
			text += ": " + strings.Join(q.choices, ", ")
		}
		f.StringVar(q.into, q.flag, "", text)
	}
	f.BoolVar(&o.webhook, "webhook", false, "the receiver's URL is its own, so that method and target are not signed")
	f.StringVar(&o.dir, "dir", ".", "`FOLDER` in which the files are written")
	return c
}

// ask fills what no flag says.
func (o *newProfileOptions) ask(c *cobra.Command) error {
	in, _ := c.InOrStdin().(*os.File)
	terminal := in != nil && term.IsTerminal(int(in.Fd()))
	lines := bufio.NewReader(io.LimitReader(c.InOrStdin(), 64<<10))
	for _, q := range o.questions() {
		if q.flag == "parts" {
			q.fallback = o.proposed()
		}
		if !c.Flags().Changed(q.flag) {
			*q.into = q.fallback
			if terminal {
				if err := o.prompt(c.ErrOrStderr(), lines, q); err != nil {
					return err
				}
			}
		}
		if *q.into == "-" {
			*q.into = ""
		}
		if err := q.check(); err != nil {
			return err
		}
	}
	return nil
}

// proposed are the parts that suit a request, or a webhook.
func (o *newProfileOptions) proposed() string {
	if o.webhook {
		return "ts, body"
	}
	if o.nonceHeader == "-" {
		return "ts, method, target, body"
	}
	return "key_id, ts, nonce, method, target, body"
}

func (o *newProfileOptions) prompt(w io.Writer, lines *bufio.Reader, q profileQuestion) error {
	choices := ""
	if q.choices != nil {
		choices = " (" + strings.Join(q.choices, ", ") + ")"
	}
	if _, err := fmt.Fprintf(w, "%s%s [%s]: ", q.ask, choices, q.fallback); err != nil {
		return err
	}
	line, err := lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line != "" {
		*q.into = line
	}
	return nil
}

func (q *profileQuestion) check() error {
	if strings.ContainsAny(*q.into, "\r\n\"") || len(*q.into) > 200 {
		return fmt.Errorf("--%s holds a line end or a quotation mark, or is too long", q.flag)
	}
	if q.choices == nil {
		return nil
	}
	for _, choice := range q.choices {
		if choice == *q.into {
			return nil
		}
	}
	return hinted{fmt.Errorf("--%s %q is not known", q.flag, *q.into), strings.Join(q.choices, ", ")}
}

// write makes the file, holds it against its own examples and the linter, and only then writes both.
func (o *newProfileOptions) write(c *cobra.Command) error {
	if o.name == "" || strings.Trim(o.name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return hinted{fmt.Errorf("%q is not a name for a profile", o.name), "a-z, 0-9 and hyphen"}
	}
	text := o.file()
	file := filepath.Join(o.dir, o.name+".yaml")
	p, err := profile.Parse(o.name+".yaml", text)
	if err != nil {
		return hinted{fmt.Errorf("these answers make no profile: %w", err), "the part that it names is the one to change: --parts, --separator, --body"}
	}
	examples, err := lint.Invent(p)
	if err != nil {
		return fmt.Errorf("make examples: %w", err)
	}
	list, err := lint.Vectors(o.name+".vectors.json", examples)
	if err != nil {
		return fmt.Errorf("read the examples: %w", err)
	}
	for i := range list {
		if r := profile.Run(p, &list[i]); !r.OK {
			return fmt.Errorf("the profile does not hold its own example %s: %s", r.ID, r.Problem)
		}
	}
	report, err := lint.Check(p, "", list)
	if err != nil {
		return err
	}
	if report.Errors() > 0 {
		return fmt.Errorf("the profile does not pass its own check:\n%s", report.Text())
	}
	if err := createFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	if err := createFile(strings.TrimSuffix(file, ".yaml")+".vectors.json", examples, 0o644); err != nil {
		return fmt.Errorf("write the examples: %w", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s and its examples are written\n%stry: countersign profile show %s\n", file, report.Text(), file)
	return err
}
