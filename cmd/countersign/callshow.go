package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"

	"countersign.dev/internal/partnerfile"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// The exit codes of `call` that are curl's.
const (
	exitNoHost    = 6
	exitNoConnect = 7
	exitStatus    = 22
	exitWrite     = 23
	exitTimeout   = 28
	exitTLS       = 35
	exitBroke     = 56
	exitUntrusted = 60
)

// coded is an error with an exit code of its own.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// callFailed gives an error of the transport the exit code that curl gives it.
func callFailed(ctx context.Context, err error) error {
	var untrusted *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var dns *net.DNSError
	switch {
	case errors.Is(context.Cause(ctx), errTooSlow):
		return coded{errTooSlow, exitTimeout}
	case errors.As(err, &untrusted):
		return coded{hinted{err, "name the authority of the certificate with --cacert FILE"}, exitUntrusted}
	case errors.As(err, &record), errors.As(err, &alert):
		return coded{err, exitTLS}
	case errors.As(err, &dns):
		return coded{err, exitNoHost}
	case errors.Is(err, syscall.ECONNREFUSED), isDial(err):
		return coded{err, exitNoConnect}
	}
	return err
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// show prints the answer.
func (o *callOptions) show(ctx context.Context, c *cobra.Command, resp *http.Response) (err error) {
	out := c.OutOrStdout()
	if o.include {
		if err := printHead(out, resp); err != nil {
			return coded{err, exitWrite}
		}
	}
	if o.outFile != "" && o.outFile != "-" {
		f, err := os.OpenFile(o.outFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return coded{fmt.Errorf("write the answer: %w", err), exitWrite}
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	if err := pour(ctx, out, resp.Body); err != nil {
		return err
	}
	if o.fail && resp.StatusCode >= 400 {
		return coded{fmt.Errorf("the server answered %d", resp.StatusCode), exitStatus}
	}
	return nil
}

// pour copies the body, and tells a reader that broke off from a writer that failed.
func pour(ctx context.Context, out io.Writer, body io.Reader) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := body.Read(buffer)
		if _, failed := out.Write(buffer[:n]); failed != nil {
			return coded{fmt.Errorf("write the answer: %w", failed), exitWrite}
		}
		switch {
		case err != nil && errors.Is(context.Cause(ctx), errTooSlow): // also at the end: it is that of a request that was given up
			return coded{errTooSlow, exitTimeout}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return coded{fmt.Errorf("the answer broke off: %w", err), exitBroke}
		}
	}
}

// printHead prints status line and headers. What would steer a terminal is escaped.
func printHead(w io.Writer, resp *http.Response) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\r\n", resp.Proto, printable(resp.Status))
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, value := range resp.Header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, printable(value))
		}
	}
	b.WriteString("\r\n")
	_, err := w.Write(b.Bytes())
	return err
}

func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\t' || c == 0x7f {
			return '\uFFFD'
		}
		return c
	}, s)
}

// watched stands between the signer and the network: it sees each request as it is sent.
type watched struct {
	base        http.RoundTripper
	options     *callOptions
	entry       partnerfile.Entry
	out, errOut io.Writer
}

// RoundTrip explains, and sends unless this is a dry run.
func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.options.explain && w.entry.Token == nil {
		if err := w.explain(req); err != nil {
			return nil, err
		}
	}
	if !w.options.dryRun {
		return w.base.RoundTrip(req)
	}
	if err := w.print(req); err != nil {
		return nil, err
	}
	return nil, errDryRun
}

// explain prints the bytes that were signed, line by line. The signature stands in the request and nowhere else.
func (w *watched) explain(req *http.Request) error {
	s, err := loadScheme(w.entry.Profile)
	if err != nil {
		return err
	}
	signed := &scheme.Request{Method: req.Method, Target: req.URL.RequestURI(), Scheme: req.URL.Scheme, Host: req.Host, Header: req.Header, Vars: w.entry.Vars}
	if signed.Host == "" {
		signed.Host = req.URL.Host
	}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return err
		}
		defer body.Close()
		if signed.Body, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	var p scheme.Presented
	if fault := s.Parse(signed, &p); fault != nil {
		return fault
	}
	if fault := s.ParseBody(signed, &p); fault != nil {
		return fault
	}
	input, err := s.Canonical(signed, &p)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.errOut, "signed with %s, %d bytes:\n%s", s.Name(), len(input), visible(input))
	return err
}

// print writes the request as it would go out. A signature is of use to others for as long as its time is fresh, so it is
// shown only here, where nothing was sent.
func (w *watched) print(req *http.Request) error {
	var b bytes.Buffer
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", req.Method, req.URL.RequestURI(), host)
	if req.ContentLength > 0 || req.Method != http.MethodGet && req.Method != http.MethodHead {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", req.ContentLength)
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	b.WriteString("\r\n")
	if req.Body != nil {
		if _, err := io.Copy(&b, req.Body); err != nil {
			return err
		}
	}
	_, err := w.out.Write(b.Bytes())
	return err
}
