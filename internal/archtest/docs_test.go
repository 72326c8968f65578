package archtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/internal/edge/clientip"
)

var root = filepath.Join("..", "..")

var (
	testDeclaration = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	testName        = regexp.MustCompile(`((?:[a-z0-9]+/)*[a-z0-9]+\.)?\b((?:Test|Fuzz)[A-Z]\w*)`)
	linkTarget      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	later           = regexp.MustCompile(`\blater\b`)
)

// TestNamedTestsExist: a document that cites a test cites one that is there, in the package that it names.
func TestNamedTestsExist(t *testing.T) {
	declared := declaredTests(t)
	anywhere := map[string]bool{}
	for name := range declared {
		anywhere[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	found := 0
	for file, text := range markdown(t) {
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			found++
			if m[1] != "" && !declared[m[1]+m[2]] || !anywhere[m[2]] {
				t.Errorf("%s cites %s, which does not exist", file, m[0])
			}
		}
	}
	if found < 100 {
		t.Errorf("found %d citations of tests; is the pattern still right?", found)
	}
}

// TestLinksLeadSomewhere: every relative link of a document leads to a file or folder of this repository.
func TestLinksLeadSomewhere(t *testing.T) {
	found := 0
	for file, text := range markdown(t) {
		for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			found++
			path := filepath.Join(filepath.Dir(file), filepath.FromSlash(target))
			if target == "" {
				path = file
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which does not exist", file, m[1])
			} else if anchor != "" && !slices.Contains(headings(t, path), anchor) {
				t.Errorf("%s links to %s, which has no such heading", file, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d links; is the pattern still right?", found)
	}
}

// TestEveryStatementOfTheSeedsIsAnswered: each row names a test, says "later", or says that there is nothing to do.
func TestEveryStatementOfTheSeedsIsAnswered(t *testing.T) {
	statements := rows(t, filepath.Join(root, "docs", "seed-coverage.md"))
	if len(statements) < 55 {
		t.Errorf("%d statements; the two seeds have more", len(statements))
	}
	for _, cells := range statements {
		answer := strings.Join(cells[1:], " ")
		if !testName.MatchString(answer) && !later.MatchString(answer) && !strings.Contains(answer, "nothing to do") {
			t.Errorf("docs/seed-coverage.md: %s: neither a test nor a reason why there is none", cells[0])
		}
	}
}

// TestEverySecurityRuleIsAnswered: SECURITY.md has one row for each of the rules, with a test or the word "later".
func TestEverySecurityRuleIsAnswered(t *testing.T) {
	const rules = 39
	answered := map[int]int{}
	for _, cells := range rows(t, filepath.Join(root, "SECURITY.md")) {
		number, err := strconv.Atoi(cells[0])
		if err != nil {
			continue
		}
		answered[number]++
		if answer := strings.Join(cells[1:], " "); !testName.MatchString(answer) && !later.MatchString(answer) {
			t.Errorf("SECURITY.md: rule %d names no test and does not say later", number)
		}
	}
	for number := 1; number <= rules; number++ {
		if answered[number] != 1 {
			t.Errorf("SECURITY.md has %d rows for rule %d, want one", answered[number], number)
		}
	}
}

// TestArchitectureNamesEveryPackage: the map of the code shows all of the code, and nothing that is gone.
func TestArchitectureNamesEveryPackage(t *testing.T) {
	text := read(t, filepath.Join(root, "ARCHITECTURE.md"))
	for name := range parseRules(t) {
		if !strings.Contains(text, "`"+strings.TrimSuffix(name, "/...")+"`") {
			t.Errorf("ARCHITECTURE.md does not mention `%s`", name)
		}
	}
	for _, m := range regexp.MustCompile("`((?:cmd|internal|scheme|profile|e2e|scripts)(?:/[a-z0-9_./-]+)?)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(m[1]))); err != nil {
			t.Errorf("ARCHITECTURE.md mentions `%s`, which does not exist", m[1])
		}
	}
}

// TestIdentityHeadersAreDocumented: what an upstream gets, and every header that never reaches it.
func TestIdentityHeadersAreDocumented(t *testing.T) {
	text := read(t, filepath.Join(root, "docs", "identity-headers.md"))
	code := read(t, filepath.Join(root, "internal", "edge", "passage", "passage.go"))
	names := clientip.ForwardingHeaders()
	for _, m := range regexp.MustCompile(`prefix \+ "([A-Za-z-]+)"`).FindAllStringSubmatch(code, -1) {
		names = append(names, "Countersign-"+m[1])
	}
	for _, m := range regexp.MustCompile(`"([A-Z][A-Za-z0-9-]+)": true`).FindAllStringSubmatch(code, -1) {
		names = append(names, m[1])
	}
	if len(names) < 70 {
		t.Fatalf("found %d header names; are the patterns still right?", len(names))
	}
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/identity-headers.md does not mention `%s`", name)
		}
	}
}

// TestGuideKnowsTheFlagsOfDev, each and no other.
func TestGuideKnowsTheFlagsOfDev(t *testing.T) {
	code := read(t, filepath.Join(root, "cmd", "countersign", "dev.go"))
	var flags []string
	for _, m := range regexp.MustCompile(`f\.\w+Var\(&o\.\w+, "([a-z-]+)"`).FindAllStringSubmatch(code, -1) {
		flags = append(flags, m[1])
	}
	if len(flags) < 10 {
		t.Fatalf("found %d flags; is the pattern still right?", len(flags))
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)").FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "guide", "operator.md")), -1) {
		told = append(told, m[1])
	}
	slices.Sort(flags)
	slices.Sort(told)
	if !slices.Equal(flags, told) {
		t.Errorf("docs/guide/operator.md has the flags %v, dev has %v", told, flags)
	}
}

// declaredTests are the tests of the tree as "folder.TestName".
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	for file, pkg := range sources(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range testDeclaration.FindAllStringSubmatch(read(t, file), -1) {
			declared[pkg+"."+m[1]] = true
		}
	}
	return declared
}

// markdown are the documents of the repository without their blocks of code.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	documents := map[string]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && strings.HasPrefix(name, ".") && name != ".." {
			return filepath.SkipDir
		}
		if strings.HasSuffix(file, ".md") {
			documents[file] = prose(read(t, file))
		}
		return nil
	})
	if err != nil || len(documents) < 10 {
		t.Fatalf("found %d documents, error %v", len(documents), err)
	}
	return documents
}

func prose(text string) string {
	var kept strings.Builder
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		} else if !code {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// rows are the cells of all table rows of a document but for headings and rules.
func rows(t *testing.T, file string) (all [][]string) {
	t.Helper()
	lines := strings.Split(prose(read(t, file)), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || i+1 < len(lines) && strings.HasPrefix(lines[i+1], "| ---") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "| "), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		all = append(all, cells)
	}
	return all
}

// headings are the anchors of a document's headings: lower case, hyphens for spaces, no other punctuation.
func headings(t *testing.T, file string) (anchors []string) {
	t.Helper()
	for line := range strings.Lines(prose(read(t, file))) {
		if title := strings.TrimLeft(line, "#"); title != line {
			anchors = append(anchors, strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
		}
	}
	return anchors
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
