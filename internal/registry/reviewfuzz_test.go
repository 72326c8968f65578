package registry_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"countersign.dev/internal/registry"
)

// FuzzLink: what passes can be shown as a link that leads to the host that it seems to lead to.
func FuzzLink(f *testing.F) {
	for _, s := range []string{"https://example.com/a?b#c", "https://a@b/", "http://a/", "https://[::1]:8/", "https://a\\@b/", "https:a", "\u202ehttps://a/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, link string) {
		if registry.CheckLink(link) != nil {
			return
		}
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link) > registry.MaxEvidenceURL {
			t.Fatalf("%q passes", link)
		}
		if !strings.HasPrefix(strings.ToLower(link), "https://") || strings.ContainsAny(link, " \"<>\\\n\r\t") {
			t.Fatalf("%q passes", link)
		}
	})
}

// FuzzEvidenceTexts: a name is one line and no path; a comment has no control characters but line breaks and tabs.
func FuzzEvidenceTexts(f *testing.F) {
	for _, s := range []string{"a.pdf", "../a", "a\u202eb", "\xff", "line\nline", strings.Repeat("a", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if registry.CheckEvidenceName(text) == nil &&
			(text == "" || len(text) > registry.MaxEvidenceName || strings.ContainsAny(text, "/\\\n\r\x00\x1b") || text[0] == '.' || !utf8.ValidString(text)) {
			t.Fatalf("the name %q passes", text)
		}
		if registry.CheckComment(text) == nil && (strings.TrimSpace(text) == "" || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\x00\x1b\u202e\u2028")) {
			t.Fatalf("the comment %q passes", text)
		}
	})
}

// FuzzSniff: every file has one type of the closed list, or none.
func FuzzSniff(f *testing.F) {
	for _, s := range []string{"%PDF-1.7", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xe0", "PK\x03\x04", "<html><script>", "\x00", "text\n", "\x1b[2J"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		name, err := registry.Sniff(content)
		if (err == nil) != slices.Contains(registry.MediaTypes(), name) {
			t.Fatalf("%q is %q, %v", content, name, err)
		}
		if name == "text/plain" && (!utf8.Valid(content) || slices.Contains(content, 0) || slices.Contains(content, 0x1b)) {
			t.Fatalf("%q is text", content)
		}
	})
}

// FuzzReviewPlace: a place has one spelling.
func FuzzReviewPlace(f *testing.F) {
	for _, s := range []string{"0.1.ptn_a.sandbox", "1.0.ptn_a.sandbox", "00.1.a.b", "0.-1.a.b", "0.1.a.b.c", "..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if again, err := registry.ParseReviewPlace(text); err == nil && again != text {
			t.Fatalf("%q is %q", text, again)
		}
	})
}
