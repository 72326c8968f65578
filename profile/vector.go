package profile

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Bounds of a file of vectors.
const (
	maxVectorFile = 16 << 20
	maxVectors    = 10000
)

// Vector is one worked example of a scheme, as vendors print them: a request, the secret, and what must come out.
type Vector struct {
	ID string
	// Alternative is the profile's alternative that it is an example of; empty: the profile itself.
	Alternative string
	Method, URL string
	Headers     map[string]string
	Body        []byte
	// Secret is the secret as issued; Parts are its further parts by name.
	Secret []byte
	Parts  map[string][]byte
	// Vars are the values that the caller supplies. key_id, ts and nonce among them are the claims of those names.
	Vars map[string]string
	// Canonical is the text that is signed; nil: it is not compared.
	Canonical []byte
	// Signature is what {sig} stands for; empty: it is not compared. Wire is the whole value of the header with {sig}; empty: it is not compared.
	Signature, Wire string
}

// LoadVectors reads a file of vectors: a JSON array, or an object with the array in "vectors", "examples" or "cases". The file's name is only used in errors, which
// are *Error and name the entry and the member; the column is always 1. Members that it does not know are passed over: files carry notes and sources. It never
// shows a value in an error, because the file holds secrets.
func LoadVectors(name string, text []byte) ([]Vector, error) {
	file := path.Base(name)
	bad := func(message, hint string) error {
		return &Error{File: file, Line: 1, Column: 1, Message: message, Hint: hint}
	}
	if len(text) > maxVectorFile {
		return nil, bad("the file is too large", "at most 16 MiB")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		var object map[string]json.RawMessage
		if json.Unmarshal(text, &object) != nil {
			return nil, bad("not a JSON array of vectors", "")
		}
		found := false
		for _, key := range []string{"vectors", "examples", "cases"} {
			if raw, given := object[key]; given && !found {
				found = json.Unmarshal(raw, &list) == nil
			}
		}
		if !found {
			return nil, bad("not a JSON array of vectors", `an array, or {"vectors": [...]}`)
		}
	}
	if len(list) == 0 || len(list) > maxVectors {
		return nil, bad("a file holds 1 to 10000 vectors", "")
	}
	out := make([]Vector, len(list))
	for i, raw := range list {
		at := place{lineOf(text, raw), 1}
		r := vectorReader{at: fmt.Sprintf("vector %d", i+1)}
		out[i] = r.vector(raw)
		if r.message != "" {
			return nil, &Error{File: file, Line: at.line, Column: 1, Message: r.message, Hint: r.hint}
		}
	}
	return out, nil
}

// lineOf is the line on which part begins, the first place where its text stands.
func lineOf(text []byte, part json.RawMessage) int {
	i := strings.Index(string(text), string(part))
	return 1 + strings.Count(string(text[:max(i, 0)]), "\n")
}

// vectorReader reads one entry and keeps the first thing that is wrong with it.
type vectorReader struct {
	at, message, hint string
	members           map[string]json.RawMessage
}

func (r *vectorReader) fail(member, message, hint string) {
	if r.message == "" {
		r.message, r.hint = r.at+": "+member+" "+message, hint
	}
}

func (r *vectorReader) vector(raw json.RawMessage) Vector {
	var v Vector
	if json.Unmarshal(raw, &r.members) != nil || r.members == nil {
		r.fail("it", "is not an object", "")
		return v
	}
	if v.ID = r.text("id"); v.ID != "" {
		r.at += " (" + clip(v.ID) + ")"
	}
	v.Alternative, v.Method, v.URL = r.text("alternative"), r.text("method"), r.text("url")
	if r.text("kind") == "webhook" { // its URL and method are the receiver's own: a page need not print them
		v.Method, v.URL = cmp.Or(v.Method, "POST"), cmp.Or(v.URL, "/")
	}
	v.Body = r.bytes("body")
	if v.Secret = r.hex("secret_hex"); len(v.Secret) == 0 {
		v.Secret = []byte(r.text("secret"))
	}
	v.Signature, v.Wire = r.text("expected_signature"), r.text("expected_wire")
	if _, given := r.members["canonical_string"]; given {
		v.Canonical = []byte(r.text("canonical_string"))
		if b, isBinary := strings.CutPrefix(string(v.Canonical), "base64:"); isBinary {
			var err error
			if v.Canonical, err = base64.StdEncoding.DecodeString(b); err != nil {
				r.fail("canonical_string", "is not base64 behind base64:", "")
			}
		}
	}
	v.Headers = r.texts("headers")
	v.Vars, v.Parts = r.vars()
	for member := range r.members {
		if name, isPart := strings.CutSuffix(member, "_hex"); isPart && member != "secret_hex" && v.Parts[name] == nil {
			v.Parts[name] = r.hex(member)
		}
	}
	if len(v.Secret) == 0 {
		r.fail("secret_hex", "is missing", "the hexadecimal form of the secret as issued; or secret, its text")
	}
	if v.Signature == "" && v.Wire == "" {
		r.fail("expected_signature", "is missing", "")
	}
	return v
}

// text is a member that must be text; absent and null are empty.
func (r *vectorReader) text(member string) string {
	raw, given := r.members[member]
	if !given || string(raw) == "null" {
		return ""
	}
	var out string
	if json.Unmarshal(raw, &out) != nil || !utf8.Valid(raw) {
		r.fail(member, "must be text", "exactly as it is signed, in quotation marks")
	}
	return out
}

// bytes is a text, or the base64 in the member of that name with _base64.
func (r *vectorReader) bytes(member string) []byte {
	if encoded := r.text(member + "_base64"); encoded != "" {
		out, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			r.fail(member+"_base64", "is not base64", "")
		}
		return out
	}
	return []byte(r.text(member))
}

func (r *vectorReader) hex(member string) []byte {
	out, err := hex.DecodeString(r.text(member))
	if err != nil {
		r.fail(member, "is not hexadecimal", "")
	}
	return out
}

// texts is a member that must be an object of texts; a whole number counts as its digits.
func (r *vectorReader) texts(member string) map[string]string {
	raw, given := r.members[member]
	if !given || string(raw) == "null" {
		return nil
	}
	var list map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&list) != nil {
		r.fail(member, "must be an object of texts", `{"Name": "value"}`)
	}
	out := map[string]string{}
	for name, value := range list {
		switch value := value.(type) {
		case string:
			out[name] = value
		case json.Number:
			out[name] = value.String()
		default:
			r.fail(member, "must be an object of texts", "look at "+clip(name))
		}
	}
	return out
}

// vars reads the variables. One that ends in _hex is a part of the secret; an object is a set of variables.
func (r *vectorReader) vars() (map[string]string, map[string][]byte) {
	out, parts := map[string]string{}, map[string][]byte{}
	raw, given := r.members["vars"]
	if !given || string(raw) == "null" {
		return out, parts
	}
	var list map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		r.fail("vars", "must be an object of texts", "")
	}
	for name, value := range list {
		var text string
		var plain json.Number
		var inner map[string]string
		switch {
		case string(value) == "null":
		case json.Unmarshal(value, &text) != nil && json.Unmarshal(value, &plain) == nil:
			out[name] = plain.String()
		case json.Unmarshal(value, &text) == nil && strings.HasSuffix(name, "_hex"):
			part, err := hex.DecodeString(text)
			if err != nil {
				r.fail("vars."+clip(name), "is not hexadecimal", "")
			}
			parts[strings.TrimSuffix(name, "_hex")] = part
		case json.Unmarshal(value, &text) == nil:
			out[name] = text
		case json.Unmarshal(value, &inner) == nil:
			for k, v := range inner {
				out[k] = v
			}
		default:
			r.fail("vars."+clip(name), "must be text", "")
		}
	}
	return out, parts
}
