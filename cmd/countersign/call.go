package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"countersign.dev/client"
	"countersign.dev/internal/partnerfile"
	"github.com/spf13/cobra"
)

// callOptions are the flags of `countersign call`, with curl's names where curl has one.
type callOptions struct {
	callers
	data, json      []string
	headers         []string
	include, fail   bool
	outFile, caFile string
	maxTime         time.Duration
	explain, dryRun bool
	curl            bool
	insecure        bool
}

func newCall() *cobra.Command {
	o := new(callOptions)
	c := &cobra.Command{
		Use:   "call METHOD URL",
		Short: "Send one request, signed or with a fresh access token",
		Long: `Send one request with the credentials of a caller (see "countersign caller add"). URL is a path, such as /api/v1/cards?page=2,
or a whole URL of the caller's host. The flags are curl's where curl has one; unlike curl's -d, a file's bytes are sent as
they are. The body that is sent is the body that is signed.

Exit codes are curl's: 0 an answer came, whatever its status; 22 with --fail, and a status of 400 or more; 6 the host was not
found; 7 no connection; 28 too slow; 35 and 60 TLS; 56 the answer broke off; 23 the answer could not be written; 2 the command could
not be carried out.`,
		Example: `  countersign call GET /api/v1/cards/10031000000000000001 --as card
  countersign call PATCH /api/v1/update-card-status/10031000000000000001 --as card --json '{"token_status":"blocked"}' -i
  countersign call GET /api/v1/cards --as card --explain --dry-run
  countersign call GET /api/v1/cards --as card --curl > call.sh`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := o.entry()
			if err != nil {
				return err
			}
			req, err := o.request(c, e, args[0], args[1])
			if err != nil {
				return err
			}
			return o.run(c, e, req)
		},
	}
	o.asFlag(c)
	f := c.Flags()
	f.StringArrayVarP(&o.data, "data", "d", nil, "body `TEXT`, @FILE byte for byte, or @- for standard input; several are joined with &")
	f.StringArrayVar(&o.json, "json", nil, "as --data, with the content type and Accept of JSON; several are put together")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "header `LINE`; may be repeated")
	f.BoolVarP(&o.include, "include", "i", false, "print status line and headers of the answer, too")
	f.BoolP("silent", "s", false, "taken as curl's; there is no progress to silence")
	f.BoolVarP(&o.fail, "fail", "f", false, "exit code 22 where the status is 400 or more; the answer is printed all the same")
	f.StringVarP(&o.outFile, "output", "o", "", "write the body of the answer to `FILE`")
	f.StringVar(&o.caFile, "cacert", "", "PEM `FILE` of the authority that is trusted instead of the system's")
	f.DurationVarP(&o.maxTime, "max-time", "m", 60*time.Second, "how long all of it may take")
	f.BoolVar(&o.explain, "explain", false, "print the exact bytes that are signed, with invisible characters made visible, on standard error")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the request that would be sent, and send nothing")
	f.BoolVar(&o.curl, "curl", false, "print the equal program for sh, curl and openssl, and send nothing; it takes the secret from the environment")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "refused: see the hint")
	_ = f.MarkHidden("insecure")
	return c
}

// run sends the request, or prints it.
func (o *callOptions) run(c *cobra.Command, e partnerfile.Entry, req *http.Request) error {
	if o.insecure {
		return hinted{errors.New("-k is refused: whoever stands between could send the request again, or read the token"), "name the authority of the certificate with --cacert FILE"}
	}
	if o.curl {
		return o.printCurl(c, e, req)
	}
	base, err := plainTransport(e, o.caFile)
	if err != nil {
		return err
	}
	defer base.CloseIdleConnections()
	watch := &watched{base: base, options: o, entry: e, errOut: c.ErrOrStderr(), out: c.OutOrStdout()}
	if t := e.Token; t != nil && o.dryRun { // no token is got in a dry run
		req.Header.Set(client.DefaultKeyHeader, t.AppKey)
		req.Header.Set(client.DefaultTokenHeader, "(an access token)")
		return watch.print(req)
	}
	transport, err := callerTransport(e, watch, nil)
	if err != nil {
		return err
	}
	if closer, ok := transport.(interface{ Close() error }); ok {
		defer closer.Close()
	}
	ctx, cancel := context.WithTimeoutCause(c.Context(), o.maxTime, errTooSlow)
	defer cancel()
	resp, err := transport.RoundTrip(req.WithContext(ctx))
	if errors.Is(err, errDryRun) {
		return nil
	}
	if err != nil {
		return callFailed(ctx, err)
	}
	defer resp.Body.Close()
	return o.show(ctx, c, resp)
}

// printCurl prints the program instead of sending the request.
func (o *callOptions) printCurl(c *cobra.Command, e partnerfile.Entry, req *http.Request) error {
	text, err := equalCurl(e, req, o.caFile)
	if err != nil {
		return snippetHint(err)
	}
	_, err = io.WriteString(c.OutOrStdout(), text)
	return err
}

// errTooSlow is the cause of a call that took longer than --max-time.
var errTooSlow = errors.New("took longer than --max-time")

// errDryRun ends a call before anything is sent.
var errDryRun = errors.New("dry run")
