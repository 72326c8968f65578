package config

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"countersign.dev/internal/config/document"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// SchemaID names the schema: editors and the check know it by this.
const SchemaID = "https://countersign.dev/schema/config.schema.json"

// Schema is the JSON Schema (2020-12) of the file, made from the same table that decodes it. It says every key, type, word,
// pattern and default; bounds of durations and sizes, and what concerns several settings, only Parse knows.
func Schema() []byte {
	root := objectSchema(new(decoder).settings(new(Config)), nil)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = SchemaID
	root["title"] = "Configuration of countersign"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return nil // never: maps, lists, texts and numbers only
	}
	return out.Bytes()
}

func objectSchema(fields []setting, extra map[string]any) map[string]any {
	properties, required := map[string]any{}, []any{}
	for _, s := range fields {
		properties[s.key] = settingSchema(s)
		if s.required {
			required = append(required, s.key)
		}
	}
	schema := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	for k, v := range extra {
		schema[k] = v
	}
	return schema
}

func settingSchema(s setting) map[string]any {
	schema := map[string]any{}
	switch {
	case s.leaf != nil && s.inner != nil:
		schema["oneOf"] = []any{s.leaf.schema, innerSchema(s.inner)}
	case s.leaf != nil:
		for k, v := range s.leaf.schema {
			schema[k] = v
		}
	default:
		schema = innerSchema(s.inner)
	}
	schema["description"] = describe(s)
	if s.initial != "" {
		schema["default"] = initialNode(s.initial).JSON()
	}
	if s.example != "" && s.inner == nil {
		schema["examples"] = []any{initialNode(s.example).JSON()}
	}
	return schema
}

func innerSchema(in *inner) map[string]any {
	e := in.item()
	switch in.form {
	case texts:
		return map[string]any{"type": "array", "minItems": in.least, "items": e.leaf.schema}
	case list:
		return map[string]any{"type": "array", "minItems": in.least, "items": objectSchema(e.fields, in.extra)}
	case names:
		return map[string]any{"type": "object", "minProperties": in.least, "additionalProperties": objectSchema(e.fields, in.extra),
			"propertyNames": map[string]any{"pattern": chosenName.String()}}
	}
	return objectSchema(e.fields, in.extra)
}

// describe is the description with what the words of a schema cannot say.
func describe(s setting) string {
	text := strings.ReplaceAll(s.about, "`", "")
	if s.leaf != nil && s.leaf.bounds != "" && s.leaf.schema["enum"] == nil {
		text += " Bounds: " + s.leaf.bounds + "."
	}
	if s.otherwise != "" {
		text += " Default: " + strings.ReplaceAll(s.otherwise, "`", "") + "."
	}
	return text
}

// agree asks the schema as well. Both are made from one table, so that it finds something only where they do not mean the
// same; then the stricter of both counts.
func (d *decoder) agree(root *document.Node) {
	schema, err := compileSchema()
	if err != nil {
		d.add(Place{1, 1}, "the schema of this program cannot be used: "+err.Error(), "")
		return
	}
	var bad *jsonschema.ValidationError
	if err, ok := schema.Validate(root.JSON()).(*jsonschema.ValidationError); ok {
		bad = err
	}
	if bad == nil {
		return
	}
	for _, leaf := range deepest(bad) {
		at := d.located(leaf.InstanceLocation)
		d.add(at, "the schema says: "+firstLine(leaf.Error()), "")
	}
}

func compileSchema() (*jsonschema.Schema, error) {
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaID, text); err != nil {
		return nil, err
	}
	return c.Compile(SchemaID)
}

// deepest are the causes that have no further cause.
func deepest(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, c := range e.Causes {
		all = append(all, deepest(c)...)
	}
	return all
}

// located is the place of a JSON pointer's parts in the file.
func (d *decoder) located(parts []string) Place {
	path, at := "", d.places[""]
	for _, part := range parts {
		if _, err := strconv.Atoi(part); err == nil {
			path += "[" + part + "]"
		} else {
			path = join(path, part)
		}
		if place, ok := d.places[path]; ok {
			at = place
		}
	}
	return at
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
