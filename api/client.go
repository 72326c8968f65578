package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MaxAnswer is how long an answer of JSON may be. Exports and files are streams and have no bound here.
const MaxAnswer = 64 << 20

// DefaultTimeout bounds a request whose answer is JSON: one that reads a lot of the record takes a minute or more, and may have waited
// for its place before. Streams end with their context.
const DefaultTimeout = 5 * time.Minute

// Doer sends requests; http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Config says where the server is and how to speak to it.
type Config struct {
	Server string                    // its base URL, http or https, without query and fragment; required
	HTTP   Doer                      // nil: a client that follows no redirect
	Sign   func(*http.Request) error // adds who is asking, for example a bearer token; nil: nobody
}

// Client calls the operators' plane. It holds no connection of its own: whoever made the Doer closes it. Safe for concurrent use.
//
// Every method returns a *Error for an answer that is a problem, and other errors for what is no answer of such a server at all.
type Client struct {
	base string
	http Doer
	sign func(*http.Request) error
}

// New returns a Client, or an error that says what is wrong with the server's URL.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Server)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no URL of a server: it is like https://admin.example.com:8443", cfg.Server)
	}
	c := &Client{base: strings.TrimRight(u.String(), "/"), http: cfg.HTTP, sign: cfg.Sign}
	if c.http == nil {
		c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return c, nil
}

// Answer is what a call came to.
type Answer[T any] struct {
	Value    T         // what was asked for; its zero where Waiting is set
	Waiting  *Proposal // set: nothing was changed, a second person must approve this
	Status   int
	Revision int64  // of the register after a change; 0: not told
	ETag     string // of the resource; empty: not told
	Header   http.Header
}

// Stream is a body that is not JSON. Whoever got it closes it.
type Stream struct {
	io.ReadCloser
	Header http.Header
}

// Error is an answer that is a problem (RFC 9457).
type Error struct {
	Problem
}

// Error is what is wrong, for people.
func (e *Error) Error() string {
	text := e.Title
	if e.Detail != "" {
		text = e.Detail
	}
	for _, one := range e.Errors {
		text += "; " + one.Pointer + ": " + one.Message
	}
	return text
}

// Is lets errors.Is find a problem by its type.
func (e *Error) Is(target error) bool {
	t, ok := target.(ProblemType)
	return ok && e.Type == t.URI()
}

// ErrAnswer is wrapped by errors about answers that this server would never give: something else answered.
var ErrAnswer = errors.New("not an answer of a Countersign server")

func (c *Client) send(ctx context.Context, q *request) (*http.Response, error) {
	r, err := q.build(ctx, c.base)
	if err != nil {
		return nil, err
	}
	if c.sign != nil {
		if err := c.sign(r); err != nil {
			return nil, err
		}
	}
	return c.http.Do(r)
}

// ask sends q and reads its answer as a T.
func ask[T any](ctx context.Context, c *Client, q *request) (Answer[T], error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	response, err := c.send(ctx, q)
	if err != nil {
		return Answer[T]{}, err
	}
	defer response.Body.Close()
	a := Answer[T]{Status: response.StatusCode, ETag: response.Header.Get("ETag"), Header: response.Header}
	a.Revision, _ = strconv.ParseInt(response.Header.Get("Countersign-Revision"), 10, 64)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return a, readProblem(response)
	}
	if response.StatusCode == http.StatusAccepted {
		a.Waiting = &Proposal{}
		return a, readJSON(response, a.Waiting)
	}
	return a, readJSON(response, &a.Value)
}

func (c *Client) stream(ctx context.Context, q *request) (Stream, error) {
	response, err := c.send(ctx, q)
	if err != nil {
		return Stream{}, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return Stream{}, readProblem(response)
	}
	return Stream{ReadCloser: response.Body, Header: response.Header}, nil
}

func mediaType(r *http.Response) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func readProblem(r *http.Response) error {
	if mediaType(r) != "application/problem+json" {
		return fmt.Errorf("%w: status %d with the content type %q", ErrAnswer, r.StatusCode, r.Header.Get("Content-Type"))
	}
	e := &Error{}
	if err := decode(r.Body, &e.Problem); err != nil {
		return err
	}
	return e
}

func readJSON(r *http.Response, v any) error {
	if mediaType(r) != "application/json" {
		return fmt.Errorf("%w: content type %q", ErrAnswer, r.Header.Get("Content-Type"))
	}
	return decode(r.Body, v)
}

func decode(body io.Reader, v any) error {
	text, err := io.ReadAll(io.LimitReader(body, MaxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(text) > MaxAnswer {
		return fmt.Errorf("%w: longer than %d bytes", ErrAnswer, MaxAnswer)
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}
