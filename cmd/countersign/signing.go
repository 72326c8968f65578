package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
	"github.com/spf13/cobra"
)

// secretVariable names the environment variable with a secret. It is never taken from the command line, which every user
// of the machine can read.
const secretVariable = "COUNTERSIGN_SECRET"

// maxProfile bounds a profile file; the language's own bound is tighter.
const maxProfile = 1 << 20

// signingOptions are what `sign` and `verify` have in common: which profile, which secret, which request.
type signingOptions struct {
	profile, secretFile  string
	method, target, host string
	headers              []string
	bodyFile             string
	showInput            bool
	vars, parts          map[string]string
}

func (o *signingOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.profile, "profile", "finci", "shipped profile `NAME` (finci, finci/lf, countersign-v1) or a FILE.yaml, or FILE.yaml/ALTERNATIVE")
	f.StringVar(&o.secretFile, "secret-file", "", "`FILE` with the secret, mode 0600, one line end at its end ignored; else $"+secretVariable)
	f.StringVarP(&o.method, "method", "X", "GET", "`METHOD` of the request")
	f.StringVarP(&o.target, "target", "t", "", "request `TARGET` exactly as sent: path, and query after ?")
	f.StringVar(&o.host, "host", "", "`HOST`, for profiles that sign it")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "header `LINE` of the request, or @FILE with such lines; may be repeated")
	f.StringVarP(&o.bodyFile, "body-file", "d", "", "`FILE` with the body, byte for byte; - for standard input")
	f.StringToStringVar(&o.vars, "var", nil, "`NAME=VALUE` that the profile asks its user for; may be repeated")
	f.StringToStringVar(&o.parts, "secret-part", nil, "`NAME=FILE` with a further part of the secret, mode 0600, for profiles that have some; may be repeated")
	f.BoolVar(&o.showInput, "show-input", false, "also print the bytes that are signed, quoted, on standard error")
}

// load reads profile, secret and request.
func (o *signingOptions) load(c *cobra.Command) (*scheme.Scheme, scheme.Key, *scheme.Request, error) {
	var key scheme.Key
	s, err := loadScheme(o.profile)
	if err != nil {
		return nil, key, nil, err
	}
	request, err := o.request(c.InOrStdin())
	if err != nil {
		return nil, key, nil, err
	}
	text, err := o.secret()
	if err != nil {
		return nil, key, nil, err
	}
	defer clear(text)
	if key, err = o.key(s, text); err != nil {
		return nil, key, nil, err
	}
	return s, key, request, nil
}

// key makes the key of a secret, and of its further parts where the profile has some.
func (o *signingOptions) key(s *scheme.Scheme, text []byte) (scheme.Key, error) {
	parts := map[string][]byte{}
	for name, file := range o.parts {
		part, err := (&signingOptions{secretFile: file}).secret()
		if err != nil {
			return scheme.Key{}, fmt.Errorf("part %s of the secret: %w", name, err)
		}
		defer clear(part)
		parts[name] = part
	}
	key, err := s.NewKeyParts(text, parts)
	if err != nil {
		return key, fmt.Errorf("the secret does not fit profile %s: %w", s.Name(), err)
	}
	return key, nil
}

// loadScheme takes a shipped name first, then a file.
func loadScheme(name string) (*scheme.Scheme, error) {
	file, alternative := name, ""
	if i := strings.Index(name, ".yaml/"); i >= 0 {
		file, alternative = name[:i+5], name[i+6:]
	}
	if !strings.HasSuffix(file, ".yaml") {
		return library.Load(name)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxProfile))
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	p, err := profile.Parse(file, text)
	if err != nil {
		return nil, err
	}
	return p.Alternative(alternative)
}

func (o *signingOptions) secret() ([]byte, error) {
	if o.secretFile == "" {
		if text, ok := os.LookupEnv(secretVariable); ok && text != "" {
			return []byte(text), nil
		}
		return nil, hinted{errors.New("no secret"), "put it into a file and name that with --secret-file, or into $" + secretVariable}
	}
	text, err := readPrivate(o.secretFile)
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
		if n > 1 && text[n-2] == '\r' {
			text = text[:n-2]
		}
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", o.secretFile)
	}
	return text, nil
}

func (o *signingOptions) request(in io.Reader) (*scheme.Request, error) {
	if !strings.HasPrefix(o.target, "/") {
		return nil, hinted{fmt.Errorf("the target %q does not begin with a slash", o.target), "give path and query as they are on the wire, for example --target '/api/v1/get-cards?page=2'"}
	}
	header, err := readHeaders(o.headers)
	if err != nil {
		return nil, err
	}
	body, err := o.body(in)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return &scheme.Request{Method: o.method, Target: o.target, Scheme: "https", Host: o.host, Header: header, Body: body, Vars: o.vars}, nil
}

// readHeaders reads "Name: value" lines, and the lines of @FILE, which is what `sign` prints.
func readHeaders(lines []string) (map[string][]string, error) {
	header := map[string][]string{}
	for _, line := range lines {
		file, named := strings.CutPrefix(line, "@")
		if !named {
			file = ""
		}
		several := []string{line}
		if file != "" {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read the headers: %w", err)
			}
			several = strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
		}
		for _, one := range several {
			name, value, ok := strings.Cut(one, ":")
			if !ok || strings.TrimSpace(name) == "" {
				return nil, hinted{fmt.Errorf("%q is not a header line", name), "write 'Name: value'"}
			}
			name = canonical(strings.TrimSpace(name))
			header[name] = append(header[name], strings.Trim(value, " \t"))
		}
	}
	return header, nil
}

func (o *signingOptions) body(in io.Reader) ([]byte, error) {
	switch o.bodyFile {
	case "":
		return nil, nil
	case "-":
		return io.ReadAll(in)
	}
	return os.ReadFile(o.bodyFile)
}
