package portal

import (
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/registry"
)

// isLink reports whether a text is what the register takes as a link.
func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && len(text) <= registry.MaxEvidenceURL &&
		!strings.ContainsAny(text, "\"<>\\") && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// nameFor makes a name of what a file or a link is called, where none was written.
func nameFor(file, link string) string {
	if file == "" {
		return page.Cut(maxFileName, strings.TrimLeft(strings.TrimSpace(strings.ReplaceAll(strings.TrimPrefix(link, "https://"), "/", " ")), "."))
	}
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	name = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || unicode.Is(unicode.C, c) {
			return -1
		}
		return c
	}, name)
	name = strings.TrimLeft(strings.TrimSpace(name), ".")
	if name == "" || name == "/" {
		return "file"
	}
	end := path.Ext(name) // it says what opens the file, and stays
	if len(end) > 10 {
		end = ""
	}
	return page.Cut(maxFileName-len(end), strings.TrimSuffix(name, end)) + end
}

// maxFileName is how many characters a name has at most that is made of that of a file: in every script the register takes it.
const maxFileName = registry.MaxEvidenceName / utf8.UTFMax
