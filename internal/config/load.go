package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/internal/config/document"
	"countersign.dev/profile/library"
)

// Bounds of the file, see document.Bounds.
const (
	maxFile   = 1 << 20
	maxLines  = 20_000
	maxTokens = 100_000
	maxLevels = 12
	maxWord   = 4096
)

// Load reads a configuration file. env looks environment variables up, as os.LookupEnv does; it is kept and asked when a key
// ring is opened, see Config.KeySource. A relative path in the file begins at the file's folder. The error is Problems where
// the content is wrong; a file that others can write is refused, since it says where the keys are. No file that the
// configuration names is looked at: that is Check's. Load returns a whole configuration or nil.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return parse(path, filepath.Dir(abs), text, env)
}

// readFile reads a plain file, or what a symbolic link leads to, within bounds.
func readFile(path string) ([]byte, error) {
	before, err := os.Stat(path) // before the opening: to open a pipe would wait for its other end
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("read configuration: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read configuration: %w", err)
	case info.Mode().Perm()&0o022 != 0:
		return nil, Problems{{File: path, Message: fmt.Sprintf("others can write the file (mode %04o)", info.Mode().Perm()), Hint: "chmod 640 " + path}}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return text, nil
}

// Parse reads a configuration from memory; name is the file's, for problems and as the start of relative paths. It does no
// I/O. text is untrusted: it gives a whole configuration, or nil and Problems that hold everything that is wrong. For env see
// Load; nil: no variables.
func Parse(name string, text []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(name, filepath.Dir(name), text, env)
}

func parse(name, base string, text []byte, env func(string) (string, bool)) (*Config, error) {
	root, err := document.Parse(name, text, document.Bounds{Bytes: maxFile, Lines: maxLines, Tokens: maxTokens, Levels: maxLevels, Words: maxWord})
	d := &decoder{file: name, base: base, places: map[string]Place{}, problems: AsProblems(err)}
	if root == nil {
		return nil, err
	}
	c := &Config{File: name, lookup: env, places: d.places}
	if root.Kind != document.Mapping {
		d.add(Place{root.Line, root.Column}, "the file is not a mapping", "begin with a key, for example data: /var/lib/countersign")
		return nil, d.problems.Sorted()
	}
	d.mapping(root, d.settings(c), "")
	d.derive(c)
	d.rules(c)
	if len(d.problems) == 0 {
		d.agree(root)
	}
	if len(d.problems) > 0 {
		return nil, d.problems.Sorted()
	}
	c.warnings = d.warnings.Sorted()
	return c, nil
}

// Warnings are what is allowed but seldom meant, sorted by place. The slice is the caller's.
func (c *Config) Warnings() Problems { return append(Problems(nil), c.warnings...) }

// derive sets the defaults that depend on other settings. It is the only other place where defaults are made.
func (d *decoder) derive(c *Config) {
	if c.Keys == (Keys{}) && c.Data != "" {
		c.Keys.File = filepath.Join(c.Data, "master.key")
	}
	if c.Portal != nil && !d.given("portal.tester") {
		c.Portal.Tester = c.tested()
	}
	if c.Records.Decisions.Dir == "" {
		c.Records.Decisions.Dir = filepath.Join(c.Data, "decisions")
	}
	if c.Records.Collect.Dir == "" {
		c.Records.Collect.Dir = filepath.Join(c.Data, "collected")
	}
	for i := range c.Environments {
		e := &c.Environments[i]
		for j := range e.Listeners {
			if a := e.Listeners[j].TLS.ACME; a != nil {
				a.Storage = either(a.Storage, filepath.Join(c.Data, "acme"))
				if len(a.Domains) == 0 {
					a.Domains = append([]string(nil), e.Hosts...)
				}
			}
		}
		for j := range e.APIs {
			e.APIs[j].derive(e)
		}
	}
}

func (a *API) derive(e *Environment) {
	switch {
	case a.Signed():
		a.Addresses = either(a.Addresses, "required")
		a.Replay = either(a.Replay, a.replayDefault())
	case a.Token != nil: // neither of both: somebody has told of it already
		a.Addresses = either(a.Addresses, "off")
		a.Replay = either(a.Replay, "off")
		a.AllowBrowser = true
	}
	if len(e.Hosts) > 0 {
		a.Upstream.Host = either(a.Upstream.Host, "keep")
	}
	a.Upstream.Host = either(a.Upstream.Host, "upstream")
	if a.Upstream.MaxIdle == 0 {
		a.Upstream.MaxIdle = a.Upstream.MaxConnections
	}
	for _, l := range []*Limit{a.Limits.PerPartner, a.Limits.PerCredential, a.Limits.Total} {
		if l != nil && l.Burst == 0 {
			l.Burst = l.Rate.Count
		}
	}
}

// replayDefault: a profile without a time cannot be guarded, because the guard would have to remember for ever.
func (a *API) replayDefault() string {
	if a.Profile.Name == "" {
		return "writes"
	}
	s, err := library.Load(a.Profile.shipped())
	if err == nil && !s.HasTime() {
		return "off"
	}
	return "writes"
}

func (p *Profile) shipped() string {
	if p.Alternative == "" {
		return p.Name
	}
	return p.Name + "/" + p.Alternative
}

func either(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// parentPath is the path of what is around a setting; empty at the top.
func parentPath(path string) string {
	i := max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['))
	if i < 0 {
		return ""
	}
	return path[:i]
}

// AsProblems are the problems within an error of Load or Parse, or nil.
func AsProblems(err error) Problems {
	var p Problems
	if errors.As(err, &p) {
		return p
	}
	return nil
}
