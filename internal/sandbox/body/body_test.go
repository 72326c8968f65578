package body_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/internal/sandbox/body"
)

func TestJSON(t *testing.T) {
	text := func(s string) body.Field { return body.Field{Kind: body.Text, Text: s} }
	for _, tc := range []struct {
		name, in string
		want     body.Field // of the field a
		err      error
	}{
		{"a text", `{"a":"x"}`, text("x"), nil},
		{"escapes", `{"\u0061":"\u00e9\n"}`, text("é\n"), nil},
		{"byte order mark", "\xef\xbb\xbf{\"a\":\"x\"}", text("x"), nil},
		{"white space around", " {\"a\" : \"x\" } \n", text("x"), nil},
		{"absent", `{"A":"x"}`, body.Field{}, nil},
		{"null", `{"a":null}`, body.Field{Kind: body.Null}, nil},
		{"number", `{"a":1e999}`, body.Field{Kind: body.Other}, nil},
		{"bool", `{"a":true}`, body.Field{Kind: body.Other}, nil},
		{"object", `{"a":{"b":[{}]}}`, body.Field{Kind: body.Other}, nil},
		{"eight levels", `{"a":` + strings.Repeat("[", 7) + strings.Repeat("]", 7) + `}`, body.Field{Kind: body.Other}, nil},
		{"nine levels", `{"a":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`, body.Field{}, body.ErrTooDeep},
		{"ten thousand levels", strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000), body.Field{}, body.ErrTooDeep},
		{"doubled", `{"a":"x","a":"x"}`, body.Field{}, body.ErrDoubled},
		{"doubled inside", `{"a":[{"b":1,"b":1}]}`, body.Field{}, body.ErrDoubled},
		{"empty", ``, body.Field{}, body.ErrMalformed},
		{"null alone", `null`, body.Field{}, body.ErrMalformed},
		{"text alone", `"a"`, body.Field{}, body.ErrMalformed},
		{"two objects", `{}{}`, body.Field{}, body.ErrMalformed},
		{"junk", `{} x`, body.Field{}, body.ErrMalformed},
		{"unclosed", `{"a":"x"`, body.Field{}, body.ErrMalformed},
		{"wrong bracket", `{"a":[}`, body.Field{}, body.ErrMalformed},
		{"comment", `{/**/}`, body.Field{}, body.ErrMalformed},
		{"UTF-8", "{\"a\":\"\xc0\xaf\"}", body.Field{}, body.ErrMalformed},
		{"size", strings.Repeat(" ", body.MaxBytes-1) + "{}", body.Field{}, body.ErrTooLarge},
	} {
		o, err := body.ParseJSON([]byte(tc.in))
		if !errors.Is(err, tc.err) || o.Field("a") != tc.want {
			t.Errorf("%s: got %v %v, want %v %v", tc.name, o.Field("a"), err, tc.want, tc.err)
		}
	}
}

func TestXML(t *testing.T) {
	text := func(s string) body.Field { return body.Field{Kind: body.Text, Text: s} }
	for _, tc := range []struct {
		name, in string
		want     body.Field // of the element a
		err      error
	}{
		{"a text", `<r><a>x</a></r>`, text("x"), nil},
		{"declaration and comments", "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- c -->\n<r>\n<a>x</a>\n</r>\n<!-- c -->", text("x"), nil},
		{"entities and sections", `<r><a>&lt;&#233;<![CDATA[&]]></a></r>`, text("<é&"), nil},
		{"empty", `<r><a/></r>`, text(""), nil},
		{"attributes", `<r xmlns:x="u"><a b="c">x</a></r>`, text("x"), nil},
		{"absent", `<r/>`, body.Field{}, nil},
		{"nested", `<r><a><b/></a></r>`, body.Field{Kind: body.Other}, nil},
		{"eight levels", strings.Repeat("<a>", 8) + strings.Repeat("</a>", 8), body.Field{Kind: body.Other}, nil},
		{"nine levels", strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9), body.Field{}, body.ErrTooDeep},
		{"doubled", `<r><a/><a/></r>`, body.Field{}, body.ErrDoubled},
		{"doubled attribute", `<r><a b="1" b="1"/></r>`, body.Field{}, body.ErrDoubled},
		{"nothing", ``, body.Field{}, body.ErrMalformed},
		{"only a comment", `<!-- -->`, body.Field{}, body.ErrMalformed},
		{"text only", `<r>x</r>`, body.Field{}, body.ErrMalformed},
		{"text before", `x<r/>`, body.Field{}, body.ErrMalformed},
		{"no-break space after", "<r/>\u00a0", body.Field{}, body.ErrMalformed},
		{"second root", `<r/><r/>`, body.Field{}, body.ErrMalformed},
		{"crossed tags", `<r><a></r></a>`, body.Field{}, body.ErrMalformed},
		{"directive", `<!DOCTYPE r><r/>`, body.Field{}, body.ErrMalformed},
		{"directive after", `<r/><!DOCTYPE r>`, body.Field{}, body.ErrMalformed},
		{"comment inside", `<r><a>x<!-- -->y</a></r>`, body.Field{}, body.ErrMalformed},
		{"instruction inside", `<r><?x y?></r>`, body.Field{}, body.ErrMalformed},
		{"two declarations", `<?xml version="1.0"?><?xml version="1.0"?><r/>`, body.Field{}, body.ErrMalformed},
		{"prefix", `<r><x:a>x</x:a></r>`, body.Field{}, body.ErrMalformed},
		{"UTF-8", "<r><a>\xff</a></r>", body.Field{}, body.ErrMalformed},
		{"size", "<r>" + strings.Repeat(" ", body.MaxBytes) + "</r>", body.Field{}, body.ErrTooLarge},
	} {
		o, err := body.ParseXML([]byte(tc.in))
		if !errors.Is(err, tc.err) || o.Field("a") != tc.want {
			t.Errorf("%s: got %v %v, want %v %v", tc.name, o.Field("a"), err, tc.want, tc.err)
		}
		if err != nil && o.Root != "" {
			t.Errorf("%s: an error beside the root %q", tc.name, o.Root)
		}
	}
}

func TestRead(t *testing.T) {
	full := strings.Repeat("x", body.MaxBytes)
	for _, tc := range []struct {
		name     string
		body     io.Reader
		declared int64
		want     error
	}{
		{"empty", strings.NewReader(""), 0, nil},
		{"at the bound", strings.NewReader(full), int64(len(full)), nil},
		{"over the bound, undeclared", strings.NewReader(full + "x"), -1, body.ErrTooLarge},
		{"over the bound, declared", untouchable{t}, int64(len(full)) + 1, body.ErrTooLarge},
		{"endless", endless{}, -1, body.ErrTooLarge},
		{"broken", io.MultiReader(strings.NewReader("x"), failing{}), -1, body.ErrUnreadable},
	} {
		r := &http.Request{Body: io.NopCloser(tc.body), ContentLength: tc.declared}
		if text, err := body.Read(r); !errors.Is(err, tc.want) || (err != nil && text != nil) {
			t.Errorf("%s: got %d bytes, %v; want %v", tc.name, len(text), err, tc.want)
		}
	}
	if text, err := body.Read(&http.Request{}); err != nil || len(text) != 0 {
		t.Errorf("no body: got %q %v", text, err)
	}
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("a body over the bound was read")
	return 0, io.EOF
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
