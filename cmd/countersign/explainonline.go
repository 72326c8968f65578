package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign.dev/internal/explain"
	captures "countersign.dev/internal/explain/capture"
	"github.com/spf13/cobra"
)

// onlineTimeout bounds one question to a server.
const onlineTimeout = 30 * time.Second

// apiPath names the API below the path of explanations; empty: the environment's first.
func (o *explainOptions) apiPath() string {
	if o.api == "" {
		return ""
	}
	return url.PathEscape(o.api) + "/"
}

// online asks the server that refused a request to explain it: signed by the caller whose request it was.
func (o *explainOptions) online(c *cobra.Command, id string) (*explain.Report, error) {
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, hinted{fmt.Errorf("%q is no request id", id), "32 hexadecimal digits: Countersign-Request-Id of the refusal"}
	}
	if o.request+o.curl+o.canonical != "" {
		return nil, hinted{errors.New("--request-id goes without --request, --curl and --canonical"), "ask the server, or explain offline"}
	}
	entry, err := o.callers.entry()
	if err != nil {
		return nil, err
	}
	base, err := plainTransport(entry, "")
	if err != nil {
		return nil, err
	}
	defer base.CloseIdleConnections()
	transport, err := callerTransport(entry, base, nil)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, entry.Base.String()+captures.Path+o.apiPath()+id, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: transport, Timeout: onlineTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, explain.MaxReport+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return explain.ParseReport(text)
	case http.StatusTooManyRequests:
		return nil, hinted{errors.New("the server was asked too often"), "try again in a minute"}
	case http.StatusNotFound:
		return nil, hinted{errors.New("the server has no capture of this request"), "captures are kept for a while only, where the operator switched them on; explain it offline with --request or --curl"}
	}
	return nil, fmt.Errorf("the server answered %d", resp.StatusCode)
}
