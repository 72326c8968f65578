package snippet

import (
	"bytes"
	"embed"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// Language is one that programs are written in.
type Language struct {
	// Name is what --lang takes; File is a usual name for the program.
	Name, File string

	dialect *dialect
	imports []pair // a token, and the line that its use needs
}

// Languages lists them in the order in which help shows them. The slice is the caller's.
func Languages() []Language {
	return []Language{
		{"sh", "call.sh", nil, nil},
		{"python", "call.py", &python, pythonImports},
		{"node", "call.mjs", &javascript, nil},
		{"go", "call.go", &golang, nil},
		{"java", "Call.java", &java, javaImports},
		{"php", "call.php", &php, nil},
		{"ruby", "call.rb", &ruby, rubyImports},
		{"csharp", "Call.cs", &csharp, csharpImports},
	}
}

// Names lists the names of the languages.
func Names() []string {
	var out []string
	for _, l := range Languages() {
		out = append(out, l.Name)
	}
	return out
}

// languageOf finds a language by its name.
func languageOf(name string) (Language, bool) {
	all := Languages()
	i := slices.IndexFunc(all, func(l Language) bool { return l.Name == name })
	if i < 0 {
		return Language{}, false
	}
	return all[i], true
}

// importMark is the line of a template that the imports replace: the first place where it stands, since nothing of a caller's stands
// above it but a comment.
const importMark = "@imports@"

// execute fills a template and writes the imports that its text needs.
func (l Language) execute(kind string, data any) (string, error) {
	file := fmt.Sprintf("templates/%s.%s.tmpl", kind, l.Name)
	t, err := template.New(kind+"."+l.Name+".tmpl").ParseFS(templates, file)
	if err != nil {
		return "", fmt.Errorf("read the template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return "", fmt.Errorf("fill the template: %w", err)
	}
	if l.Name == "go" {
		return finishGo(out.String())
	}
	text := out.String()
	if l.imports == nil {
		return text, nil
	}
	var lines []string
	for _, i := range l.imports {
		if strings.Contains(text, i.Name) && !slices.Contains(lines, i.Value) {
			lines = append(lines, i.Value)
		}
	}
	return strings.Replace(text, importMark, strings.Join(lines, "\n"), 1), nil
}

// finishGo adds the imports that the code uses, no other, as Go demands, and formats it.
func finishGo(text string) (string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "call.go", strings.Replace(text, importMark, "", 1), parser.SkipObjectResolution)
	if err != nil {
		return "", fmt.Errorf("read the Go program back: %w", err)
	}
	used := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	var lines []string
	for _, path := range goImports {
		if used[path[strings.LastIndexByte(path, '/')+1:]] {
			lines = append(lines, strconv.Quote(path))
		}
	}
	out, err := format.Source([]byte(strings.Replace(text, importMark, strings.Join(lines, "\n"), 1)))
	if err != nil {
		return "", fmt.Errorf("format the Go program: %w", err)
	}
	return string(out), nil
}
