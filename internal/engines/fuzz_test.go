package engines

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzURLFile: whatever a file holds, its line is one line of it without control characters, and an error tells nothing of it.
func FuzzURLFile(f *testing.F) {
	for _, text := range []string{"", "\n", "postgres://a@b/c", "postgres://a@b/c\n", "postgres://a@b/c\r\n", "a\nb", "a\x00", "secretsecret\x7f", strings.Repeat("a", 5000)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		line, err := oneLine("F", text)
		switch {
		case err == nil && (line == "" || len(line) > maxURL || strings.ContainsAny(line, "\n\x00\x7f") || !bytes.HasPrefix(text, []byte(line))):
			t.Errorf("%q became %q", text, line)
		case err != nil && line != "":
			t.Errorf("an error and %q", line)
		case err != nil && len(text) > 12 && strings.Contains(err.Error(), string(text)):
			t.Errorf("the error tells what stands there: %v", err)
		}
	})
}
