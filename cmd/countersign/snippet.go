package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"countersign.dev/internal/partnerfile"
	"countersign.dev/internal/snippet"
	"github.com/spf13/cobra"
)

// appToken is what stands for a profile where the program is to use access tokens.
const appToken = "app-token"

// snippetOptions are the flags of `countersign snippet`.
type snippetOptions struct {
	profile, alternative, language string
	method, url, body, endpoint    string
	headers                        []string
}

func newSnippet() *cobra.Command {
	o := new(snippetOptions)
	c := &cobra.Command{
		Use:   "snippet",
		Short: "Write the code that sends one signed request, in any of eight languages",
		Long: `Write a whole program that sends one request, signed as a profile says or with an access token, with nothing but the language's own
library. It takes credentials from the environment, sends the bytes that it signed, follows no redirect, prints status and body, and
ends with 1 where the status is 400 or more.

Profiles that need more than a list of parts (sorted parameters, keys derived from the request, values in the query) are
refused; the signing proxy signs those for any language.`,
		Example: `  countersign snippet --profile finci --lang python --url https://127.0.0.1:8443/api/v1/cards/10031000000000000001 > call.py
  countersign snippet --profile finci/lf --lang go -X PATCH --url https://api.example.com/api/v1/cards/1 --body body.json > call.go
  countersign snippet --profile app-token --lang node --url 'https://127.0.0.1:8443/aggregation/v1/institutions?limit=1' > call.mjs`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := o.write(c.InOrStdin())
			if err != nil {
				return snippetHint(err)
			}
			_, err = io.WriteString(c.OutOrStdout(), text)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.profile, "profile", "finci", "shipped profile `NAME`, NAME/ALTERNATIVE, or a FILE.yaml; "+appToken+" for access tokens")
	f.StringVar(&o.alternative, "alternative", "", "`NAME` of an alternative of the profile")
	f.StringVar(&o.language, "lang", "", "`LANGUAGE`: "+strings.Join(snippet.Names(), ", "))
	f.StringVarP(&o.method, "method", "X", "", "`METHOD`; GET unless given, POST with a body")
	f.StringVar(&o.url, "url", "https://api.example.com/api/v1/cards?page=2", "`URL` that is called, percent-encoded as it goes on the wire")
	f.StringVarP(&o.body, "body", "d", "", "`FILE` with the body, UTF-8 text; - for standard input")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "header `LINE` that the program sets; may be repeated")
	f.StringVar(&o.endpoint, "token-endpoint", "/aggregation/v2/partners/authentication", "`PATH` of Partner Authentication, for "+appToken)
	_ = c.RegisterFlagCompletionFunc("lang", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return snippet.Names(), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// write makes the program.
func (o *snippetOptions) write(in io.Reader) (string, error) {
	if o.language == "" {
		return "", hinted{errors.New("in which language?"), "--lang " + strings.Join(snippet.Names(), ", ")}
	}
	request, err := o.request(in)
	if err != nil {
		return "", err
	}
	if o.profile == appToken {
		return snippet.Token(o.endpoint, o.language, request)
	}
	p, alternative, err := loadProfile(o.profile)
	if err != nil {
		return "", err
	}
	if o.alternative != "" {
		alternative = o.alternative
	}
	return snippet.Signed(p, alternative, o.language, request)
}

func (o *snippetOptions) request(in io.Reader) (snippet.Request, error) {
	r := snippet.Request{Method: o.method, URL: o.url, Header: http.Header{}}
	lines, err := readHeaders(o.headers)
	if err != nil {
		return r, err
	}
	r.Header = lines
	if r.Body, err = (&signingOptions{bodyFile: o.body}).body(in); err != nil {
		return r, fmt.Errorf("read the body: %w", err)
	}
	if r.Method == "" {
		r.Method = http.MethodGet
		if o.body != "" {
			r.Method = http.MethodPost
		}
	}
	return r, nil
}

// snippetHint says what to do about a program that cannot be written.
func snippetHint(err error) error {
	var beyond *snippet.BeyondError
	if errors.As(err, &beyond) {
		return hinted{err, beyond.Hint()}
	}
	return err
}

// equalCurl is the shell program that sends the request of `call`. What is no secret stands in it as a default; the secret has to
// be in the environment.
func equalCurl(e partnerfile.Entry, req *http.Request, caFile string) (string, error) {
	target := req.URL.RequestURI()
	r := snippet.Request{Method: req.Method, URL: e.Base.String() + target, Header: req.Header.Clone(), Defaults: map[string]string{}}
	r.Header.Del("User-Agent")
	if req.Host != "" && req.Host != req.URL.Host {
		return "", hinted{errors.New("--curl cannot set another Host"), "leave -H 'Host: …' out"}
	}
	if req.Body != nil {
		var err error
		if r.Body, err = io.ReadAll(req.Body); err != nil {
			return "", fmt.Errorf("read the body: %w", err)
		}
	}
	if caFile == "" {
		caFile = e.CAFile
	}
	if caFile != "" {
		r.Defaults["CURL_CA_BUNDLE"] = caFile
	}
	if t := e.Token; t != nil {
		if r.Header.Get("Accept") == "application/json" { // the program asks for that anyway
			r.Header.Del("Accept")
		}
		r.Defaults["APP_KEY"], r.Defaults["PARTNER_ID"] = t.AppKey, t.PartnerID
		return snippet.Token(t.Endpoint, "sh", r)
	}
	if e.KeyID != "" {
		r.Defaults["API_TOKEN"] = e.KeyID
	}
	for name, value := range e.Vars {
		r.Defaults[snippet.Variable(name)] = value
	}
	p, alternative, err := loadProfile(e.Profile)
	if err != nil {
		return "", err
	}
	return snippet.Signed(p, alternative, "sh", r)
}
