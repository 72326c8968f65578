package main

import (
	"fmt"
	"time"

	"countersign.dev/internal/explain"
	"countersign.dev/profile"
	"github.com/spf13/cobra"
)

// explainOptions are the flags of `explain`.
type explainOptions struct {
	callers                     callers
	profile, alternative        string
	id, api                     string
	request, curl, canonical    string
	secretFile                  string
	previousFiles, sandboxFiles []string
	at, format, proto           string
	window                      time.Duration
	hosts, prefixes             []string
	vars, parts                 map[string]string
	found                       *profile.Profile
	observed                    *explain.Observed
	secrets                     []explain.Secret
	own                         []byte
	moment                      time.Time
}

func newExplain() *cobra.Command {
	o := &explainOptions{}
	c := &cobra.Command{
		Use:   "explain",
		Short: "Say why a signature was refused",
		Long: `Say why a signature was refused. The request is given as it was sent: raw HTTP, or the curl command line that sends it. Nothing
is sent anywhere, and no signature is printed. With --request-id the server explains instead, where its operator keeps captures.

An HMAC cannot say which part differs, so that the usual mistakes are tried, alone and in pairs: a mistake is reported only if it
reproduces the very signature that was sent. Give your own canonical input with --canonical, and the first byte that differs from
the server's is shown instead of guessed.

Exit code 0: explained, or the signature is good; 1: no guess matches; 2: the command could not be carried out.`,
		Example: `  countersign explain --profile finci --request refused.http --secret-file secret
  countersign explain --as card --curl refused.sh --at 1763625600
  countersign explain --profile finci --request refused.http --secret-file secret --canonical mine.bin`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out, err := newOutput(c.OutOrStdout(), c.ErrOrStderr(), o.format)
			if err != nil {
				return err
			}
			report, err := o.report(c)
			if err != nil {
				return err
			}
			if out.json {
				err = out.encode(report)
			} else {
				_, err = fmt.Fprint(out.out, report.Text())
			}
			if err == nil && !report.Verdict.Known() {
				err = errRefused
			}
			return err
		},
	}
	o.flags(c)
	return c
}

func (o *explainOptions) flags(c *cobra.Command) {
	f := c.Flags()
	o.callers.asFlag(c)
	f.StringVar(&o.profile, "profile", "", "shipped profile `NAME` or a FILE.yaml, either with /ALTERNATIVE; not needed with --as")
	f.StringVar(&o.alternative, "alternative", "", "`NAME` of an alternative of the profile")
	f.StringVar(&o.request, "request", "", "`FILE` with the raw HTTP request as it was sent; - for standard input")
	f.StringVar(&o.id, "request-id", "", "ask the server that refused the request with this `ID`, with --as the caller whose request it was")
	f.StringVar(&o.api, "api", "", "with --request-id: `NAME` of the API that refused it, where the environment has several with signatures")
	f.StringVar(&o.curl, "curl", "", "`FILE` with the curl command line that sent it; - for standard input")
	f.StringVar(&o.secretFile, "secret-file", "", "`FILE` with the secret, mode 0600, one line end at its end ignored; else $"+secretVariable)
	f.StringArrayVar(&o.previousFiles, "previous-secret-file", nil, "`FILE` with a secret that was in force before; may be repeated")
	f.StringArrayVar(&o.sandboxFiles, "other-secret-file", nil, "`FILE` with a secret of another environment, such as the sandbox; may be repeated")
	f.StringVar(&o.canonical, "canonical", "", "`FILE` with the bytes that you signed; - for standard input")
	f.StringVar(&o.at, "at", "", "the server's `TIME` when it refused, in Unix seconds or RFC 3339; without it freshness is not judged")
	f.DurationVar(&o.window, "window", 0, "time window instead of the profile's")
	f.StringVar(&o.proto, "scheme", "https", "http or https, for profiles that sign it, where --request does not say it")
	f.StringArrayVar(&o.hosts, "host", nil, "another `HOST` under which the API is called, such as that in front of a proxy; may be repeated")
	f.StringArrayVar(&o.prefixes, "prefix", nil, "a path `PREFIX` that a proxy adds or removes; may be repeated")
	f.StringToStringVar(&o.vars, "var", nil, "`NAME=VALUE` that the profile asks for; may be repeated")
	f.StringToStringVar(&o.parts, "secret-part", nil, "`NAME=FILE` with a further part of the secret, mode 0600, for profiles that have some; may be repeated")
	f.StringVarP(&o.format, "output", "o", "text", "`FORMAT`: text or json")
}

// report asks the server, or explains offline.
func (o *explainOptions) report(c *cobra.Command) (*explain.Report, error) {
	if o.id != "" {
		return o.online(c, o.id)
	}
	if err := o.load(c); err != nil {
		return nil, err
	}
	report, err := explain.Run(o.question())
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	return report, nil
}

func (o *explainOptions) question() *explain.Question {
	return &explain.Question{Observed: o.observed, Profile: o.found, Alternative: o.alternative, Secrets: o.secrets, Canonical: o.own, At: o.moment,
		Window: o.window, Hosts: o.hosts, Prefixes: o.prefixes}
}
