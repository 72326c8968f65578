package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"countersign.dev/internal/partnerfile"
	"github.com/spf13/cobra"
)

// request makes the request that the command line describes.
func (o *callOptions) request(c *cobra.Command, e partnerfile.Entry, method, target string) (*http.Request, error) {
	u, err := callURL(e, target)
	if err != nil {
		return nil, err
	}
	body, err := o.body(c)
	if err != nil {
		return nil, err
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequest(method, u.String(), reader)
	if err != nil {
		return nil, err
	}
	req.URL = u // as it was written: String and back may differ
	req.Header.Set("User-Agent", "countersign/"+version())
	switch {
	case o.json != nil:
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")
	case o.data != nil:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, o.setHeaders(req)
}

// callURL puts a target behind the caller's base, or takes a URL of the caller's host.
func callURL(e partnerfile.Entry, target string) (*url.URL, error) {
	text := target
	if strings.HasPrefix(target, "/") {
		text = e.Base.String() + target
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, hinted{errors.New("not a URL"), "give a path that begins with /, percent-encoded as it goes on the wire"}
	case u.Scheme != e.Base.Scheme || u.Host != e.Base.Host || u.User != nil:
		return nil, hinted{fmt.Errorf("%s is not on %s", u.Redacted(), e.Base), "credentials go to their own host only; add a caller for the other one"}
	case u.Fragment != "":
		return nil, hinted{errors.New("the URL has a fragment, which is never sent"), "write %23 for a # that belongs to the target"}
	}
	return u, nil
}

// body puts the -d and --json parts together; nil: none.
func (o *callOptions) body(c *cobra.Command) ([]byte, error) {
	if o.data != nil && o.json != nil {
		return nil, hinted{errors.New("--data and --json exclude each other"), "use one of them"}
	}
	parts, separator := o.data, "&"
	if o.json != nil {
		parts, separator = o.json, ""
	}
	var body []byte
	for i, part := range parts {
		if i > 0 {
			body = append(body, separator...)
		}
		text, err := dataPart(c, part)
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
		body = append(body, text...)
	}
	if parts != nil && body == nil {
		body = []byte{}
	}
	return body, nil
}

func dataPart(c *cobra.Command, part string) ([]byte, error) {
	file, named := strings.CutPrefix(part, "@")
	switch {
	case !named:
		return []byte(part), nil
	case file == "-":
		return io.ReadAll(c.InOrStdin())
	}
	return os.ReadFile(file)
}

// setHeaders takes -H lines as curl does: "Name: value" sets, "Name:" removes, and "Name;" sends it empty.
func (o *callOptions) setHeaders(req *http.Request) error {
	set := map[string]bool{}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		if empty, is := strings.CutSuffix(line, ";"); !ok && is {
			name, value, ok = empty, "\x00", true
		}
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(value, "\r\n") {
			return hinted{fmt.Errorf("%q is not a header line", line), "write 'Name: value'"}
		}
		value = strings.Trim(value, " \t")
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
			if name == "User-Agent" {
				req.Header[name] = nil // net/http would set its own
			}
		default:
			value = strings.TrimPrefix(value, "\x00")
			if !set[name] {
				req.Header.Del(name)
			}
			set[name] = true
			req.Header.Add(name, value)
		}
	}
	return nil
}
