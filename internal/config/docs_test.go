package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/internal/config"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/reference/config.md and docs/reference/config.schema.json")

func document(name string) string { return filepath.Join("..", "..", "docs", "reference", name) }

const introduction = `# Configuration

Every key of the file that ` + "`countersign serve --config FILE`" + ` reads. This page and the
[JSON Schema](config.schema.json) are made from the table that decodes the file: ` + "`go test ./internal/config -update`" + `.
A complete file with remarks is [countersign.example.yaml](countersign.example.yaml); ` + "`countersign init`" + ` writes a short one.

The file is one YAML document. Unknown, misspelt and doubled keys are errors with file, line and column; anchors, aliases,
tags, merge keys and values over several lines are not taken. Whoever else can write the file could redirect everything, so
that a file that others can write is refused. All problems are told at once. An editor knows the keys with this first line:

` + "```yaml" + `
# yaml-language-server: $schema=https://countersign.dev/schema/config.schema.json
` + "```" + `

- **Secrets never stand in the file.** It names files (mode 0600) or, for key rings, environment variables (` + "`env`" + `, ` + "`key_env`" + `).
- **Variables are not replaced.** There is no ` + "`${NAME}`" + `: a variable's text could add keys that nobody reviewed, and the file that is
  checked would not be the file that is used.
- **Paths**: a relative one begins at the folder of the configuration file.
- **Durations** have a unit: ` + "`ms`, `s`, `m`, `h`, `d`" + `, also together, as in ` + "`1h30m`" + `. **Sizes** too: ` + "`B`, `KiB`, `MiB`, `GiB`, `TiB`" + `.
- **Rates** are a number in a span: ` + "`50/s`, `100/m`, `1000/h`, `10000/d`" + `.

` + "`countersign config check FILE`" + ` reads everything that the file names, too; ` + "`countersign config show FILE`" + ` prints it with every
default filled in; ` + "`countersign config schema`" + ` prints the schema.

`

func TestTheReferenceIsCurrent(t *testing.T) {
	current(t, "config.md", introduction+strings.TrimRight(config.Reference(), "\n")+"\n")
	current(t, "config.schema.json", string(config.Schema()))
}

func current(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(document(name), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document(name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/reference/%s is not what the code says; run go test ./internal/config -update\n%s", name, diff)
	}
}

// TestTheExampleIsComplete: it loads without a warning, and no key is missing in it, if only in a remark.
func TestTheExampleIsComplete(t *testing.T) {
	text, err := os.ReadFile(document("countersign.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("countersign.example.yaml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` ").FindAllStringSubmatch(config.Reference(), -1) {
		if !regexp.MustCompile(`(?m)(^|[ {#])` + row[1] + `:`).Match(text) {
			t.Errorf("the example does not show %s", row[1])
		}
	}
}
