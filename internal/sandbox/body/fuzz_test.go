package body_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"slices"
	"testing"

	"countersign.dev/internal/sandbox/body"
)

// known are the only errors that a parser may return.
var known = []error{body.ErrTooLarge, body.ErrMalformed, body.ErrDoubled, body.ErrTooDeep}

func isKnown(err error) bool {
	return slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) })
}

// FuzzParseJSON compares with the standard decoder: what we accept it accepts, and
// both read the same text.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":"x"}`, `{}`, `{"a":{"a":[1,null,true]}}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, `{}{}`, `null`, "\xef\xbb\xbf{}", `{"a":"x",}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := body.ParseJSON(text)
		if err != nil {
			if !isKnown(err) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		var want map[string]any
		if err := json.Unmarshal(trimMark(text), &want); err != nil {
			t.Fatalf("accepted %q, the standard decoder says %v", text, err)
		}
		for name, value := range want {
			field := got.Field(name)
			if s, isText := value.(string); isText != (field.Kind == body.Text) || s != field.Text {
				t.Fatalf("%q: field %q: got %v, want %v", text, name, field, value)
			}
		}
	})
}

// FuzzParseXML compares with the standard decoder likewise, for the element a.
func FuzzParseXML(f *testing.F) {
	for _, seed := range []string{
		`<r><a>x</a></r>`, `<?xml version="1.0"?><r/>`, `<r><a>&lt;<![CDATA[x]]></a></r>`, `<!DOCTYPE r><r/>`, `<r><a/><a/></r>`,
		`<x:r/>`, `<r/><r/>`, `<r><a><a><a/></a></a></r>`, `<r a="1" a="2"/>`, "\xef\xbb\xbf<r/>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := body.ParseXML(text)
		if err != nil {
			if !isKnown(err) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		var want struct {
			XMLName xml.Name
			A       *string `xml:"a"`
		}
		if err := xml.Unmarshal(trimMark(text), &want); err != nil {
			t.Fatalf("accepted %q, the standard decoder says %v", text, err)
		}
		if got.Root != want.XMLName.Local || want.XMLName.Space != "" {
			t.Fatalf("%q: root %q, want %v", text, got.Root, want.XMLName)
		}
		field := got.Field("a")
		if (field.Kind == body.Absent) != (want.A == nil) || (field.Kind == body.Text && field.Text != *want.A) {
			t.Fatalf("%q: got %v, want %v", text, field, want.A)
		}
	})
}

func trimMark(text []byte) []byte {
	if len(text) >= 3 && string(text[:3]) == "\xef\xbb\xbf" {
		return text[3:]
	}
	return text
}
