package explain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"countersign.dev/scheme"
)

// observed is the request that curl would send.
func (c *curlLine) observed() (*Observed, error) {
	if c.url == "" {
		return nil, errors.New("no URL")
	}
	proto, host, target, err := splitURL(c.url)
	if err != nil {
		return nil, err
	}
	separator, media := "&", "application/x-www-form-urlencoded"
	if c.json {
		separator, media = "", "application/json"
	}
	body := strings.Join(c.data, separator)
	method := "GET"
	switch {
	case c.head:
		method = "HEAD"
	case c.get && c.hasData:
		target, body = addQuery(target, body), ""
	case c.hasData:
		method = "POST"
		c.fill("Content-Type", media)
		if c.json {
			c.fill("Accept", "application/json")
		}
	}
	if c.method != "" {
		method = c.method
	}
	if method != strings.ToUpper(method) {
		c.notes = append(c.notes, "the method is sent as it is written: "+method)
	}
	if values := c.header["Host"]; len(values) > 0 {
		host = values[0]
	}
	r := scheme.Request{Method: method, Target: target, Scheme: proto, Host: host, Header: c.header}
	if body != "" {
		r.Body = []byte(body)
	}
	return &Observed{Request: r, Notes: c.notes}, nil
}

func (c *curlLine) fill(name, value string) {
	if len(c.header[name]) == 0 && !c.removed[name] {
		c.header[name] = []string{value}
	}
}

func addQuery(target, query string) string {
	if strings.Contains(target, "?") {
		return target + "&" + query
	}
	return target + "?" + query
}

// splitURL takes a URL apart without changing a byte of its target, but for the fragment, which is never sent.
func splitURL(text string) (proto, host, target string, err error) {
	proto, rest, ok := strings.Cut(text, "://")
	if !ok {
		proto, rest = "http", text
	}
	if proto = strings.ToLower(proto); proto != "http" && proto != "https" {
		return "", "", "", fmt.Errorf("%q is not an http or https URL", text[:min(len(text), 100)])
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, target = rest[:end], rest[end:]
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if host == "" {
		return "", "", "", errors.New("the URL has no host")
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	return proto, host, target, nil
}

// ParseRaw reads a request as it is on the wire: request line, headers, an empty line, the body. Line ends of one line feed are
// taken and told. The body is everything behind the empty line, unless Content-Length says less. The text is untrusted.
func ParseRaw(text []byte) (*Observed, error) {
	if len(text) > MaxCommand {
		return nil, fmt.Errorf("the request has more than %d bytes", MaxCommand)
	}
	o := &Observed{}
	head, body, found := bytes.Cut(text, []byte("\r\n\r\n"))
	if lf := bytes.Index(text, []byte("\n\n")); lf >= 0 && (!found || lf < len(head)) {
		head, body = text[:lf], text[lf+2:]
		o.Notes = append(o.Notes, "the lines end in a line feed alone; on the wire it is carriage return and line feed")
	} else if !found {
		head, body = bytes.TrimRight(text, "\r\n"), nil
	}
	lines := strings.Split(strings.ReplaceAll(string(head), "\r\n", "\n"), "\n")
	method, rest, ok := strings.Cut(lines[0], " ")
	target, version, versioned := lastCut(rest, " ")
	if !versioned || !strings.HasPrefix(version, "HTTP/") {
		target = rest
	}
	if !ok || method == "" || target == "" {
		return nil, errors.New("line 1 is not a request line: write METHOD TARGET HTTP/1.1")
	}
	o.Request = scheme.Request{Method: method, Target: target, Scheme: "https", Header: map[string][]string{}}
	if strings.Contains(target, "://") {
		var err error
		if o.Request.Scheme, o.Request.Host, o.Request.Target, err = splitURL(target); err != nil {
			return nil, fmt.Errorf("line 1: %w", err)
		}
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("line %d is not a header line: write Name: value", i+2)
		}
		name = http.CanonicalHeaderKey(name)
		o.Request.Header[name] = append(o.Request.Header[name], strings.Trim(value, " \t"))
	}
	if hosts := o.Request.Header["Host"]; len(hosts) > 0 {
		o.Request.Host = hosts[0]
	}
	return o, o.setBody(body)
}

func lastCut(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// setBody takes the body that the headers announce.
func (o *Observed) setBody(body []byte) error {
	if strings.EqualFold(strings.Join(o.Request.Header["Transfer-Encoding"], ","), "chunked") {
		fake := "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(fake), bytes.NewReader(body))))
		if err != nil {
			return err
		}
		whole, err := io.ReadAll(r.Body)
		if err != nil {
			return errors.New("the chunks of the body cannot be read")
		}
		o.Request.Body = whole
		return nil
	}
	if lengths := o.Request.Header["Content-Length"]; len(lengths) > 0 {
		n, err := strconv.Atoi(lengths[0])
		switch {
		case err != nil || n < 0:
			return errors.New("Content-Length is not a number")
		case n > len(body):
			o.Notes = append(o.Notes, fmt.Sprintf("Content-Length says %d bytes, but there are %d: the body was cut, or its line ends were changed", n, len(body)))
		case n < len(body):
			o.Notes = append(o.Notes, fmt.Sprintf("Content-Length says %d bytes, and %d more follow; they are no part of the request", n, len(body)-n))
			body = body[:n]
		}
	} else if len(body) > 0 {
		o.Notes = append(o.Notes, "there is a body without Content-Length; a line end at its very end may be your editor's")
	}
	if len(body) > 0 {
		o.Request.Body = body
	}
	return nil
}
