package registry

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// mediaTypes tells files apart by how they begin, never by what their sender calls them.
var mediaTypes = []struct{ name, magic string }{
	{"application/pdf", "%PDF-"},
	{"image/png", "\x89PNG\r\n\x1a\n"},
	{"image/jpeg", "\xff\xd8\xff"},
	{"application/zip", "PK\x03\x04"}, // office documents, too
}

const plainText = "text/plain"

// MediaTypes returns the closed list of what may be attached; a fresh slice each time. Text is UTF-8; whatever markup or script it
// may be, it is text and nothing else.
func MediaTypes() []string {
	names := []string{plainText}
	for _, t := range mediaTypes {
		names = append(names, t.name)
	}
	return names
}

// sniff finds the media type of a file.
func sniff(content []byte) (string, error) {
	for _, t := range mediaTypes {
		if bytes.HasPrefix(content, []byte(t.magic)) {
			return t.name, nil
		}
	}
	control := func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' }
	if utf8.Valid(content) && !bytes.ContainsFunc(content, control) {
		return plainText, nil
	}
	return "", fmt.Errorf("%w: this file is none of %s", ErrArgument, strings.Join(MediaTypes(), ", "))
}
