package config_test

import (
	"os"
	"testing"

	"countersign.dev/internal/config"
)

// FuzzParse: no text panics, none is half applied, and what is taken is shown as a file that means the same.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(document("countersign.example.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, text := range []string{small, small + second, "", "a", "[]", "{}", "data: [", "data: /d\nenvironments: {e: ~}", "? a", "a: |\n x", "data: \"\\u0000\"", "---\n---", "data: 0x1\nops: .inf", "environments: {e: {apis: {a: {profile: [1]}}}}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("/f.yaml", text, nil)
		if (c == nil) == (err == nil) {
			t.Fatalf("half a configuration: %v, %v", c, err)
		}
		if err != nil {
			problems := config.AsProblems(err)
			for _, p := range problems {
				if p.File != "/f.yaml" || p.Line < 1 || p.Column < 1 || p.Message == "" {
					t.Errorf("a problem without its place: %+v", p)
				}
			}
			if len(problems) == 0 {
				t.Errorf("an error that is no problem: %v", err)
			}
			return
		}
		shown := c.Text()
		again, err := config.Parse("/f.yaml", []byte(shown), nil)
		if err != nil {
			t.Fatalf("%v\n%s\nof\n%s", err, shown, text)
		}
		if again.Text() != shown {
			t.Errorf("shown twice, differently:\n%s\n%s", shown, again.Text())
		}
	})
}
