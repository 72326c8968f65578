package explain

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"countersign.dev/scheme"
)

// Bounds of what is read.
const (
	MaxCommand = 2 << 20 // of a curl command line or a raw request, in bytes
	maxWords   = 10_000
)

// Observed is a request as it was sent, and what was noticed while reading it.
type Observed struct {
	Request scheme.Request
	Notes   []string // what the text does not say, or what curl does that its user may not know
}

// curlFlag says what a flag of curl does to a request.
type curlFlag struct {
	long    string
	value   bool                                  // takes one
	apply   func(c *curlLine, value string) error // nil: without meaning for the request
	outside string                                // why the command line alone does not show the request; empty: it does
}

// curlLine is a command line while it is read.
type curlLine struct {
	method  string
	url     string
	header  map[string][]string
	removed map[string]bool
	data    []string
	hasData bool
	json    bool
	get     bool
	head    bool
	notes   []string
	files   func(name string) ([]byte, error)
}

// flagTable are the flags that matter to a request, and those that certainly do not. Others are an error, since one that takes a
// value would swallow the URL.
func flagTable() map[string]curlFlag {
	data := func(escape, raw, trim bool) func(*curlLine, string) error {
		return func(c *curlLine, v string) error { return c.addData(v, escape, raw, trim) }
	}
	t := map[string]curlFlag{
		"-X": {long: "--request", value: true, apply: func(c *curlLine, v string) error { c.method = v; return nil }},
		"-H": {long: "--header", value: true, apply: (*curlLine).addHeader},
		"-d": {long: "--data", value: true, apply: data(false, false, true)},
		"-A": {long: "--user-agent", value: true, apply: func(c *curlLine, v string) error { return c.addHeader("User-Agent: " + v) }},
		"-e": {long: "--referer", value: true, apply: func(c *curlLine, v string) error { return c.addHeader("Referer: " + v) }},
		"-b": {long: "--cookie", value: true, apply: func(c *curlLine, v string) error { return c.addHeader("Cookie: " + v) }},
		"-u": {long: "--user", value: true, apply: func(c *curlLine, v string) error {
			return c.addHeader("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(v)))
		}},
		"-G": {long: "--get", apply: func(c *curlLine, _ string) error { c.get = true; return nil }},
		"-I": {long: "--head", apply: func(c *curlLine, _ string) error { c.head = true; return nil }},
		"-F": {long: "--form", value: true, outside: "curl invents a boundary for a form with files, so that the body cannot be known from the command line; give the raw request"},
		"-T": {long: "--upload-file", value: true, outside: "the body of an upload is not on the command line; give the raw request"},
		"-K": {long: "--config", value: true, outside: "a configuration file is not on the command line; give the raw request"},
	}
	out := map[string]curlFlag{}
	for short, f := range t {
		out[short], out[f.long] = f, f
	}
	out["--data-ascii"] = t["-d"]
	out["--data-raw"] = curlFlag{value: true, apply: data(false, true, false)}
	out["--data-binary"] = curlFlag{value: true, apply: data(false, false, false)}
	out["--data-urlencode"] = curlFlag{value: true, apply: data(true, false, false)}
	out["--url"] = curlFlag{value: true, apply: (*curlLine).setURL}
	out["--json"] = curlFlag{value: true, apply: func(c *curlLine, v string) error { c.json = true; return c.addData(v, false, false, false) }}
	for _, quiet := range strings.Fields("-s --silent -S --show-error -v --verbose -i --include -f --fail --fail-with-body -k --insecure -L --location --compressed -N --no-buffer -g --globoff --http1.1 --http2 --path-as-is -4 -6 -# --progress-bar --tlsv1.2 --tlsv1.3") {
		out[quiet] = curlFlag{}
	}
	for _, valued := range strings.Fields("-o --output -w --write-out -m --max-time --connect-timeout -x --proxy --cacert --cert --key -E --resolve --connect-to --retry --interface -c --cookie-jar -D --dump-header --trace --trace-ascii --noproxy") {
		out[valued] = curlFlag{value: true}
	}
	return out
}

// ParseCurl reads a curl command line. files reads what @FILE names; nil: such a body is an error. The text is untrusted.
func ParseCurl(line string, files func(name string) ([]byte, error)) (*Observed, error) {
	if len(line) > MaxCommand {
		return nil, fmt.Errorf("the command line has more than %d bytes", MaxCommand)
	}
	all, err := words(strings.TrimSpace(line))
	if err != nil {
		return nil, err
	}
	if len(all) > 0 && (all[0] == "$" || all[0] == "%") {
		all = all[1:]
	}
	if len(all) == 0 || all[0] != "curl" && !strings.HasSuffix(all[0], "/curl") {
		return nil, errors.New("this is not a curl command: it has to begin with curl")
	}
	if len(all) > maxWords {
		return nil, fmt.Errorf("the command line has more than %d words", maxWords)
	}
	c := &curlLine{header: map[string][]string{}, removed: map[string]bool{}, files: files}
	if err := c.read(all[1:]); err != nil {
		return nil, err
	}
	return c.observed()
}

func (c *curlLine) read(args []string) error {
	flags := flagTable()
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			if err := c.setURL(arg); err != nil {
				return err
			}
			continue
		}
		for arg != "" {
			f, name, value, rest, err := lookUp(flags, arg)
			if err != nil {
				return err
			}
			if f.value && value == "" && rest == "" {
				if i++; i == len(args) {
					return fmt.Errorf("%s has no value", name)
				}
				value = args[i]
			} else if f.value {
				value, rest = value+rest, ""
			}
			if f.outside != "" {
				return fmt.Errorf("%s: %s", name, f.outside)
			}
			if f.apply != nil {
				if err := f.apply(c, value); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			if arg = ""; rest != "" {
				arg = "-" + rest
			}
		}
	}
	return nil
}

// lookUp finds the flag at the beginning of a word: --long, --long=value, -Xvalue, or -sSi, which is several.
func lookUp(flags map[string]curlFlag, arg string) (f curlFlag, name, value, rest string, err error) {
	if strings.HasPrefix(arg, "--") {
		name, value, _ = strings.Cut(arg, "=")
	} else {
		name, rest = arg[:2], arg[2:]
	}
	f, known := flags[name]
	if !known {
		return f, name, "", "", fmt.Errorf("%s is not a flag of curl that is known here; leave it out if it does not change the request", name)
	}
	return f, name, value, rest, nil
}

func (c *curlLine) setURL(v string) error {
	if c.url != "" {
		return errors.New("more than one URL; a word in front of it may lack quotation marks")
	}
	c.url = v
	return nil
}

func (c *curlLine) addHeader(line string) error {
	if strings.HasPrefix(line, "@") {
		return errors.New("headers in a file are not on the command line; write them out")
	}
	name, value, ok := strings.Cut(line, ":")
	if empty, is := strings.CutSuffix(line, ";"); !ok && is {
		name, value, ok = empty, "", true
	} else if ok && strings.TrimSpace(value) == "" {
		c.removed[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		return nil
	}
	if !ok {
		return nil // curl ignores it
	}
	name = http.CanonicalHeaderKey(strings.TrimSpace(name))
	c.header[name] = append(c.header[name], strings.Trim(value, " \t"))
	return nil
}

func (c *curlLine) addData(v string, escape, raw, trim bool) error {
	c.hasData = true
	if escape {
		name, value, named := strings.Cut(v, "=")
		if !named {
			name, value = "", v
		}
		if strings.Contains(name, "@") {
			return errors.New("a file is not on the command line; write the data out")
		}
		v = url.QueryEscape(value)
		if name != "" {
			v = name + "=" + v
		}
	}
	file, named := strings.CutPrefix(v, "@")
	if !raw && !escape && named {
		if c.files == nil {
			return fmt.Errorf("the body is in the file %s, not on the command line", file)
		}
		text, err := c.files(file)
		if err != nil {
			return err
		}
		v = string(text)
		if trim {
			without := strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(v)
			if without != v {
				c.notes = append(c.notes, "curl's -d @FILE drops line ends: the body that is sent is shorter than the file; use --data-binary")
			}
			v = without
		}
	}
	c.data = append(c.data, v)
	return nil
}
