// Package partnerfile reads and extends the file in which the partner's side keeps its credentials: names, and for each the
// base URL, the profile or the token endpoint, and the secret.
//
// It refuses a file that others can read, symbolic links, unknown and doubled keys, and a base URL that would send a secret in
// the clear. The accidents it answers: a secret on a command line, where every user of the machine can read it, and a secret in
// a repository: the file has its own place and mode 0600 (security rule 39).
package partnerfile

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"countersign.dev/internal/config/document"
	"countersign.dev/scheme"
)

// Entry is one name of the file.
type Entry struct {
	Name string
	Base *url.URL // scheme and host, nothing else

	Profile string            // Signed: a shipped profile's name, NAME/ALTERNATIVE, or a file; empty where Token is set
	KeyID   string            // Signed: the API token; empty where the profile names no key
	Vars    map[string]string // Signed: what the profile declares that its user supplies

	Token *Token // nil: signed requests

	CAFile     string // PEM file of the authority that is trusted instead of the system's; empty: the system's
	SecretFile string // file with the secret, mode 0600; empty: Secret
	Secret     []byte // empty: it is in SecretFile or in the environment
}

// Token is the app token protocol (seed: Accessing the API).
type Token struct {
	Endpoint  string // path of Partner Authentication
	AppKey    string
	PartnerID string
	XML       bool
}

var (
	bounds = document.Bounds{Bytes: 1 << 20, Lines: 20_000, Tokens: 60_000, Levels: 6, Words: 8 << 10}

	entryKeys = []string{"base", "profile", "key_id", "vars", "token", "app_key", "partner_id", "ca_file", "secret", "secret_file"}
	tokenKeys = []string{"endpoint", "xml"}
)

// Parse reads the text of a file, which is untrusted. The file's name is used in problems only. Errors are document.Problems
// and never hold a secret.
func Parse(file string, text []byte) ([]Entry, error) {
	if blank(text) {
		return nil, nil
	}
	root, err := document.Parse(file, text, bounds)
	if err != nil {
		return nil, err
	}
	r := reader{file: file}
	if root.Kind != document.Mapping {
		r.fail(root, "the file is not a mapping of names", "write NAME: and below it, indented, base, profile, key_id, secret")
		return nil, r.problems
	}
	var entries []Entry
	for i := range root.Entries {
		entries = append(entries, r.entry(&root.Entries[i]))
	}
	if len(r.problems) > 0 {
		return nil, r.problems.Sorted()
	}
	return entries, nil
}

// blank reports whether there is nothing but white space and comments, as in a file from which the last name was removed.
func blank(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// reader gathers problems.
type reader struct {
	file     string
	problems document.Problems
}

func (r *reader) fail(at *document.Node, message, hint string) {
	r.problems = append(r.problems, document.Problem{File: r.file, Line: at.Line, Column: at.Column, Message: message, Hint: hint})
}

// keys refuses keys that are not known.
func (r *reader) keys(n *document.Node, known []string) {
	for _, e := range n.Entries {
		if !slices.Contains(known, e.Key) {
			r.problems = append(r.problems, document.Problem{File: r.file, Line: e.Line, Column: e.Column,
				Message: fmt.Sprintf("unknown key %q", e.Key), Hint: scheme.Nearest(e.Key, known)})
		}
	}
}

// text is the scalar of a key, or empty.
func (r *reader) text(n *document.Node, key string) string {
	e := n.Get(key)
	if e == nil {
		return ""
	}
	if !e.Value.Scalar() {
		r.fail(e.Value, key+" is not a text", "")
		return ""
	}
	return e.Value.Text
}

func (r *reader) entry(e *document.Entry) Entry {
	out := Entry{Name: e.Key}
	n := e.Value
	if !IsName(e.Key) {
		r.problems = append(r.problems, document.Problem{File: r.file, Line: e.Line, Column: e.Column, Message: "not a name", Hint: "1 to 64 of a-z, 0-9, hyphen, dot and underscore"})
	}
	if n.Kind != document.Mapping {
		r.fail(n, e.Key+" has no settings", "write base, profile, key_id and secret below it, indented")
		return out
	}
	r.keys(n, entryKeys)
	out.Profile, out.KeyID = r.text(n, "profile"), r.text(n, "key_id")
	out.CAFile, out.SecretFile, out.Secret = r.text(n, "ca_file"), r.text(n, "secret_file"), []byte(r.text(n, "secret"))
	out.Vars = r.vars(n)
	base, err := ParseBase(r.text(n, "base"))
	if err != nil {
		r.fail(n, "base: "+err.Error(), "write https://HOST or https://HOST:PORT")
	}
	out.Base = base
	if len(out.Secret) > 0 && out.SecretFile != "" {
		r.fail(n, "secret and secret_file exclude each other", "")
	}
	r.protocol(n, &out)
	return out
}

// protocol reads what belongs to one of the two protocols, and refuses a mixture.
func (r *reader) protocol(n *document.Node, out *Entry) {
	t := n.Get("token")
	appKey, partnerID := r.text(n, "app_key"), r.text(n, "partner_id")
	switch {
	case t == nil && out.Profile == "":
		r.fail(n, "neither profile nor token", "profile: finci for signed requests, token: {endpoint: /aggregation/v2/partners/authentication} for access tokens")
	case t != nil && (out.Profile != "" || out.KeyID != "" || out.Vars != nil):
		r.fail(t.Value, "token goes with app_key and partner_id, and profile with key_id", "one name for each protocol")
	case t == nil && appKey+partnerID != "":
		r.fail(n, "app_key and partner_id go with token", "")
	case t == nil:
	case t.Value.Kind != document.Mapping:
		r.fail(t.Value, "token is not a mapping", "token: {endpoint: /aggregation/v2/partners/authentication}")
	default:
		r.keys(t.Value, tokenKeys)
		out.Token = &Token{Endpoint: r.text(t.Value, "endpoint"), AppKey: appKey, PartnerID: partnerID}
		if x := t.Value.Get("xml"); x != nil {
			out.Token.XML = x.Value.Text == "true"
			if x.Value.Kind != document.Bool {
				r.fail(x.Value, "xml is true or false", "")
			}
		}
		if !strings.HasPrefix(out.Token.Endpoint, "/") || strings.ContainsAny(out.Token.Endpoint, "?# ") {
			r.fail(t.Value, "endpoint is not a path", "write /aggregation/v2/partners/authentication")
		}
		if appKey == "" || partnerID == "" {
			r.fail(n, "token needs app_key and partner_id", "")
		}
	}
}

func (r *reader) vars(n *document.Node) map[string]string {
	e := n.Get("vars")
	if e == nil {
		return nil
	}
	if e.Value.Kind != document.Mapping {
		r.fail(e.Value, "vars is not a mapping", "vars: {region: eu-west-1}")
		return nil
	}
	vars := map[string]string{}
	for i := range e.Value.Entries {
		vars[e.Value.Entries[i].Key] = r.text(e.Value, e.Value.Entries[i].Key)
	}
	return vars
}

// ParseBase takes scheme and host, and nothing else: http is for this machine alone.
func ParseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("not a URL with a host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, errors.New("more than scheme and host")
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, errors.New("neither https nor http")
	case !isLoopback(u.Hostname()):
		return nil, errors.New("plain http beyond this machine")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// IsName reports whether a name can stand in the file and in an environment variable.
func IsName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._", c)
	})
}

// Variable is the environment variable that holds the secret of a name: COUNTERSIGN_SECRET_ and the name in upper case, with
// an underscore for what is no letter or digit.
func Variable(name string) string {
	return "COUNTERSIGN_SECRET_" + strings.Map(func(c rune) rune {
		if strings.ContainsRune("-._", c) {
			return '_'
		}
		return c
	}, strings.ToUpper(name))
}
