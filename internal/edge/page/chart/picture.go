package chart

import (
	"embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed pictures.html
var source embed.FS

// pictures are parsed once; one that does not parse is found by the first test.
var pictures = template.Must(template.ParseFS(source, "pictures.html"))

// writePicture renders one template of the package.
func writePicture(name string, data any) (template.HTML, error) {
	var b strings.Builder
	if err := pictures.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("%w: %w", ErrChart, err)
	}
	// html/template made these bytes and escaped what is in them.
	return template.HTML(b.String()), nil
}
