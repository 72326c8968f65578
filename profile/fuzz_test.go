package profile_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/profile"
)

// FuzzProfile offers whole files: no panic, and every refusal says where.
func FuzzProfile(f *testing.F) {
	f.Add(good)
	for _, pattern := range []string{"library/*.yaml", "library/testdata/vendors/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, text := range []string{"", "-", "? a", "a: [", "a: {", "{a", "a:\n - b: {c", "a: |\n", "a: >\n  b", "- - - -", "%YAML 1.2\n---\n", "a: b: c", "\"", "'", "a: &b", "key: \"\\x",
		": ", "[,]", "{,}", "a: |9\n", "...", "--- |\n a"} {
		f.Add(text)
		f.Add(good + text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := profile.Parse("f.yaml", []byte(text))
		var bad *profile.Error
		if err != nil && (!errors.As(err, &bad) || bad.Line < 1 || bad.Column < 1 || len(err.Error()) > 2000) {
			t.Fatalf("%T %v", err, err)
		}
		if err == nil {
			if _, err := p.Compile(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzExpression offers messages, quoted as JSON, which is YAML too.
func FuzzExpression(f *testing.F) {
	for _, e := range []string{"ts + body", "join('\\n', ts, method)", "h.x-a+'\\x41'",
		"((((", "hex(b64(body, pad=0))", "a=b", "f(,)", "'\\", "h.", "lower(upper(lower('A')))", "join(join('a','b'),ts)", "+", "ts+", "\x00"} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, e string) {
		quoted, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"message: ", "key: ", "signature: "} {
			text := strings.Replace(good, "language: 1\n", "language: 1\n"+key+string(quoted)+"\n", 1)
			if key == "message: " {
				text = strings.Replace(text, "message: join('\\n', ts, method, target, body)\n", "", 1)
			}
			_, err := profile.Parse("f.yaml", []byte(text))
			var bad *profile.Error
			if err != nil && !errors.As(err, &bad) {
				t.Fatalf("%T %v", err, err)
			}
		}
	})
}
