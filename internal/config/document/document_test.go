package document_test

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign.dev/internal/config/document"
	"github.com/google/go-cmp/cmp"
)

var bounds = document.Bounds{Bytes: 1 << 16, Lines: 2000, Tokens: 4000, Levels: 8, Words: 200}

func TestATreeWithPlaces(t *testing.T) {
	root, err := document.Parse("f", []byte("# a remark\na:\n  b: [x, \"2\", 3, 1.5, true]\nc:\n- d: ~\n  é: \"ö\\n\"\n- 0x1f\ne:\n"), bounds)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(root.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":{"b":["x","2",3,1.5,true]},"c":[{"d":null,"é":"ö\n"},"0x1f"],"e":null}`; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	type at struct{ line, column int }
	place := func(n *document.Node) at { return at{n.Line, n.Column} }
	b := root.Get("a").Value.Get("b")
	places := []at{place(root), {b.Line, b.Column}, place(b.Value), place(b.Value.Items[1]), place(root.Get("c").Value.Items[0].Get("é").Value), place(root.Get("e").Value)}
	if diff := cmp.Diff([]at{{2, 1}, {3, 3}, {3, 6}, {3, 10}, {6, 6}, {8, 1}}, places, cmp.AllowUnexported(at{})); diff != "" {
		t.Error(diff)
	}
	if root.Get("x") != nil || (*document.Node)(nil).Get("x") != nil {
		t.Error("a key that is not there was found")
	}
}

// TestWhatIsNotTaken: each with the place and the words that it is refused with.
func TestWhatIsNotTaken(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb: 2\na: 3\na: 4":         "f:3:1: \"a\" is given twice\nf:4:1: \"a\" is given twice",
		"{a: 1, a: 2}":                   `f:1:8: "a" is given twice`,
		"a: &x 1\nb: *x":                 "f:1:4: anchors, aliases, tags",
		"a: {<<: {b: 1}}":                "anchors, aliases, tags",
		"a: !!str 1":                     "f:1:4: anchors, aliases, tags",
		"%YAML 1.2\n---\na: 1":           "anchors, aliases, tags, directives",
		"? a\n: 1":                       "complex keys",
		"a: |\n  x":                      "f:1:4: values over several lines",
		"a: x\n  y":                      "f:1:4: values over several lines",
		"a: \"x\n  y\"":                  "f:1:4: values over several lines",
		"a: 1\n---\nb: 1":                "not one YAML document",
		"":                               "the file is empty",
		"# nothing\n":                    "the file is empty",
		"a: 'x":                          "f:1:4: not YAML",
		"a: b: c":                        "f:1:4: not YAML",
		"\ta: 1":                         "a tab character in the indentation",
		"a: \x01":                        "f:1:4: a control character",
		"a: \u2028":                      "f:1:4: a control character",
		"a: \xff":                        "f:1:1: the line is not UTF-8",
		"a: [[[[[[[[[1]]]]]]]]]":         "nested too deeply",
		"- - - - - - - - - - a":          "nested too deeply",
		strings.Repeat(" ", 65) + "a":    "indented too far",
		"a: " + strings.Repeat("x", 201): "f:1:4: the value is too long",
		"a: 1" + strings.Repeat("\n", 40) + "b: 1": "too many empty lines",
		strings.Repeat("# x\n", 2001):              "too many lines",
		strings.Repeat("a", 1<<16+1):               "too large (at most 64 KiB)",
		"a: [" + strings.Repeat("1,", 2500) + "1]": "too many parts",
	} {
		root, err := document.Parse("f", []byte(text), bounds)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
		if root != nil && !strings.Contains(want, "twice") {
			t.Errorf("%.40q: a tree beside the error", text)
		}
	}
	if _, err := document.Parse("f", []byte("a: 1"), document.Bounds{}); err == nil {
		t.Error("without bounds a file was read")
	}
}

func TestDeepBlocksAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 20 {
		text.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	if root, err := document.Parse("f", []byte(text.String()), bounds); root != nil || err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("%v, %v", root, err)
	}
}

func TestLineEndsOfOtherSystemsAreTaken(t *testing.T) {
	root, err := document.Parse("f", []byte("a: 1\r\nb: x\r\n"), bounds)
	if err != nil || root.Get("b").Value.Text != "x" {
		t.Errorf("%+v, %v", root, err)
	}
}

// FuzzParse: no text panics, and places are within the text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a: 1", "a:\n  - b: [1, {c: d}]\n", "{a: 1, a: 2}", "a: 'x", "? a", "- - a", "a: |\n x", "a: &b\n", "\"a\": \"\\x00\"", "a: [\n1,\n2]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := document.Parse("f", text, bounds)
		if root == nil && err == nil {
			t.Fatal("neither a tree nor an error")
		}
		if root != nil {
			inside(t, root, strings.Count(string(text), "\n")+1)
		}
	})
}

func inside(t *testing.T, n *document.Node, lines int) {
	if n.Line < 1 || n.Line > lines || n.Column < 1 {
		t.Errorf("a node at %d:%d of %d lines", n.Line, n.Column, lines)
	}
	for _, e := range n.Entries {
		inside(t, e.Value, lines)
	}
	for _, item := range n.Items {
		inside(t, item, lines)
	}
}
