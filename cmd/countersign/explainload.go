package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/explain"
	"countersign.dev/internal/partnerfile"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"github.com/spf13/cobra"
)

// load reads everything that the flags name.
func (o *explainOptions) load(c *cobra.Command) (err error) {
	if (o.request == "") == (o.curl == "") {
		return hinted{errors.New("which request?"), "give it with --request FILE or with --curl FILE"}
	}
	if o.canonical == "-" && (o.request == "-" || o.curl == "-") {
		return hinted{errors.New("standard input cannot be two files"), "put one of them into a file"}
	}
	var entry *partnerfile.Entry
	if o.callers.as != "" {
		e, err := o.callers.entry()
		if err != nil {
			return err
		}
		if entry = &e; o.profile == "" {
			o.profile = e.Profile
		}
	}
	if o.profile == "" {
		return hinted{errors.New("which profile?"), "--profile NAME (see: countersign profile list), or --as NAME of a caller who signs"}
	}
	alternative := ""
	if o.found, alternative, err = loadProfile(o.profile); err != nil {
		return err
	}
	if o.alternative == "" {
		o.alternative = alternative
	}
	if _, err = o.found.Alternative(o.alternative); err != nil {
		return err
	}
	if o.moment, err = parseExplainTime(o.at); err != nil {
		return err
	}
	if err := o.readSecrets(entry); err != nil {
		return err
	}
	return o.readRequest(c, entry)
}

func (o *explainOptions) readSecrets(entry *partnerfile.Entry) error {
	var text []byte
	var err error
	if entry != nil && o.secretFile == "" {
		text, err = callerSecret(*entry)
	} else {
		text, err = (&signingOptions{secretFile: o.secretFile}).secret()
	}
	if err != nil {
		return err
	}
	parts := map[string][]byte{}
	for name, file := range o.parts {
		if parts[name], err = (&signingOptions{secretFile: file}).secret(); err != nil {
			return fmt.Errorf("part %s of the secret: %w", name, err)
		}
	}
	o.secrets = []explain.Secret{{Label: "the secret", Text: text, Parts: parts}}
	for _, list := range []struct {
		label string
		files []string
	}{{"a previous secret", o.previousFiles}, {"the secret of another environment", o.sandboxFiles}} {
		for _, file := range list.files {
			text, err := (&signingOptions{secretFile: file}).secret()
			if err != nil {
				return err
			}
			o.secrets = append(o.secrets, explain.Secret{Label: list.label, Text: text})
		}
	}
	return nil
}

func (o *explainOptions) readRequest(c *cobra.Command, entry *partnerfile.Entry) (err error) {
	file := o.request + o.curl
	text, err := readInput(c.InOrStdin(), file, explain.MaxCommand)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if o.curl != "" {
		o.observed, err = explain.ParseCurl(string(text), func(name string) ([]byte, error) { return readInput(c.InOrStdin(), name, explain.MaxCommand) })
	} else {
		o.observed, err = explain.ParseRaw(text)
	}
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	r := &o.observed.Request
	if o.request != "" && !strings.Contains(strings.SplitN(string(text), "\n", 2)[0], "://") {
		r.Scheme = o.proto
	}
	r.Vars = map[string]string{}
	if entry != nil {
		for name, value := range entry.Vars {
			r.Vars[name] = value
		}
	}
	for name, value := range o.vars {
		r.Vars[name] = value
	}
	if o.canonical == "" {
		return nil
	}
	if o.own, err = readInput(c.InOrStdin(), o.canonical, explain.MaxCommand); err != nil {
		return fmt.Errorf("read your canonical input: %w", err)
	}
	if o.own == nil {
		o.own = []byte{}
	}
	return nil
}

// readInput reads a file, or standard input for -, of at most so many bytes.
func readInput(in io.Reader, name string, most int) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return text, err
}

// loadProfile takes a shipped name first, then a file; both may go on with /ALTERNATIVE.
func loadProfile(name string) (p *profile.Profile, alternative string, err error) {
	file := name
	if i := strings.Index(name, ".yaml/"); i >= 0 {
		file, alternative = name[:i+5], name[i+6:]
	}
	if !strings.HasSuffix(file, ".yaml") {
		base, alternative, _ := strings.Cut(name, "/")
		p, err = library.Profile(base)
		return p, alternative, err
	}
	text, err := readInput(nil, file, maxProfile)
	if err != nil {
		return nil, "", fmt.Errorf("read the profile: %w", err)
	}
	p, err = profile.Parse(file, text)
	return p, alternative, err
}

// parseExplainTime reads Unix seconds or RFC 3339; empty is the zero time.
func parseExplainTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && n < 1<<36 {
		return time.Unix(n, 0), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, hinted{fmt.Errorf("--at %q is not a time", text), "Unix seconds, or 2026-11-20T08:00:00Z"}
	}
	return at, nil
}
